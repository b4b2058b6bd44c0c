package main

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// pushServiceVariable has a value in the process of a push service.
const pushServiceVariable = "PULL_BENCH_PUSH_SERVICE"

// servePushes is a push service with TLS and HTTP/2 until its input ends. It
// accepts everything, and prints its address.
func servePushes() {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "https://push.example/m/1")
		w.WriteHeader(http.StatusCreated)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	_, _ = fmt.Fprintln(os.Stdout, s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Close()
}

// startPushService starts a push service in another process, so that its work is
// not measured, and returns its URL and a client for it.
func startPushService(b *testing.B) (string, *http.Client) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), pushServiceVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}

	twin := httptest.NewTLSServer(http.NotFoundHandler()) // it has the same certificate
	defer twin.Close()
	roots := x509.NewCertPool()
	roots.AddCert(twin.Certificate())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	b.Cleanup(transport.CloseIdleConnections)
	return strings.TrimSpace(url), &http.Client{Transport: transport}
}

// browserKeys are those of so many subscriptions.
func browserKeys(b *testing.B, number int) (keys []push.SubscriptionKeys) {
	b.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	for range number {
		private, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		auth := make([]byte, 16)
		_, _ = rand.Read(auth)
		keys = append(keys, push.SubscriptionKeys{P256dh: encode(private.PublicKey().Bytes()), Auth: encode(auth)})
	}
	return keys
}

// BenchmarkPush sends notifications to 1,000 browsers by a local push service, 16
// at a time. Measure with -benchtime 10000x.
func BenchmarkPush(b *testing.B) {
	url, client := startPushService(b)
	browsers := browserKeys(b, 1000)
	keys, err := push.NewKeys()
	if err != nil {
		b.Fatal(err)
	}
	sent := notification.New(notification.Push{Title: "Ann", Body: strings.Repeat("Lunch? ", 20), URL: "/im/7", Tag: "im-7"}, "", time.Now())
	b.Logf("payload %d B", len(sent.Payload()))

	b.Run("pull", func(b *testing.B) {
		c := push.WebConfig{
			Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewMemoryStore(),
			Client: client, Hosts: []string{strings.TrimPrefix(url, "https://")},
		}
		pusher, err := push.Web(c)
		if err != nil {
			b.Fatal(err)
		}
		for i, k := range browsers {
			s, err := json.Marshal(push.Subscription{Endpoint: fmt.Sprint(url, "/", i), Keys: k})
			if err == nil {
				err = pusher.Subscribe(b.Context(), strconv.Itoa(i), s)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		measurePushes(b, func(ctx context.Context, i int) error {
			n := sent
			n.ID = strconv.Itoa(i)
			return pusher.Push(ctx, strconv.Itoa(i%len(browsers)), &n)
		})
	})
	for _, record := range []uint32{4096, 512} { // it pads to the whole record, 4,096 by default
		b.Run(fmt.Sprint("webpush-go,record=", record), func(b *testing.B) {
			measurePushes(b, func(ctx context.Context, i int) error {
				k := browsers[i%len(browsers)]
				s := webpush.Subscription{Endpoint: fmt.Sprint(url, "/", i%len(browsers)), Keys: webpush.Keys{P256dh: k.P256dh, Auth: k.Auth}}
				response, err := webpush.SendNotificationWithContext(ctx, sent.Payload(), &s, &webpush.Options{
					HTTPClient: client, Subscriber: "ops@example.com", TTL: 3600, Topic: "im-7", Urgency: webpush.UrgencyNormal,
					VAPIDPublicKey: keys.Public, VAPIDPrivateKey: keys.Private, RecordSize: record,
				})
				if err != nil {
					return err
				}
				defer func() { _ = response.Body.Close() }()
				if response.StatusCode != http.StatusCreated {
					return fmt.Errorf("status %d", response.StatusCode)
				}
				return nil
			})
		})
	}
}

// measurePushes reports what pushes cost this process, 16 at a time.
func measurePushes(b *testing.B, send func(ctx context.Context, i int) error) {
	b.Helper()
	if err := send(b.Context(), 0); err != nil { // connects
		b.Fatal(err)
	}
	numbers := make(chan int)
	var running sync.WaitGroup
	for range 16 {
		running.Go(func() {
			for i := range numbers {
				if err := send(b.Context(), i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	before := processTime(b)
	for i := 0; b.Loop(); i++ {
		numbers <- i
	}
	close(numbers)
	running.Wait()
	b.ReportMetric(float64((processTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processTime returns the CPU time of this process.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
