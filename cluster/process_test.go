package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/modeltest"
)

// The environment of a process that is a node.
const (
	nodeEngine  = "PULL_NODE_ENGINE"
	nodeAddress = "PULL_NODE_ADDRESS"
	nodePusher  = "PULL_NODE_PUSHER"
	nodeDrain   = "PULL_NODE_DRAIN" // Config.Drain
	nodeTick    = "PULL_NODE_TICK"  // Config.Tick
	nodeWaits   = "PULL_NODE_WAITS" // the node starts when it reads a line
)

// serveNode is a process that is a node. It prints where it listens. It ends when
// it gets SIGTERM, or when the test has ended.
func serveNode(name, address string) {
	err := func() error {
		l, err := engineNamed(name).Open(address)
		if err != nil {
			return err
		}
		awaitStart()
		app, err := app(modeltest.Config{Broker: l.Broker})
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: app.Routes, ReadHeaderTimeout: time.Minute}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		terminated, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		_, _ = fmt.Fprintln(os.Stdout, listener.Addr())
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(2) // nobody is there any more
		}()
		<-terminated.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = errors.Join(server.Shutdown(ctx), app.Shutdown(ctx), l.Close())
		<-served
		return err
	}()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	os.Exit(0)
}

// awaitStart waits for a line of the test, if the node was started so.
func awaitStart() {
	if os.Getenv(nodeWaits) == "" {
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, "the log is open")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func engineNamed(name string) engines.Engine {
	all := engines.Shared()
	return all[slices.IndexFunc(all, func(e engines.Engine) bool { return e.Name == name })]
}

// A process is a node that can be killed.
type process struct {
	*modeltest.Node

	cmd    *exec.Cmd
	life   io.WriteCloser // the process ends when it is closed
	output *bufio.Reader
	stderr record
}

// openProcess starts a node that is a process: a World's Open.
func openProcess(e engines.Engine, address string, env ...string) func(*modeltest.World, int) (*modeltest.Node, error) {
	return func(*modeltest.World, int) (*modeltest.Node, error) {
		p, err := startProcess(e, address, env...)
		if err != nil {
			return nil, err
		}
		return p.Node, nil
	}
}

func startProcess(e engines.Engine, address string, env ...string) (*process, error) {
	p, err := launch(e, address, env...)
	if err != nil {
		return nil, err
	}
	return p, p.arrive()
}

// startWaiting starts a node that has opened the log, and waits for a call of proceed.
func startWaiting(e engines.Engine, address string, env ...string) (*process, error) {
	p, err := launch(e, address, append(env, nodeWaits+"=1")...)
	if err != nil {
		return nil, err
	}
	_, err = p.readLine()
	return p, err
}

func (p *process) proceed() error {
	if _, err := p.life.Write([]byte{'\n'}); err != nil {
		return err
	}
	return p.arrive()
}

func launch(e engines.Engine, address string, env ...string) (*process, error) {
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), nodeEngine+"="+e.Name, nodeAddress+"="+address)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.life, p.output = stdin, bufio.NewReader(stdout)
	return p, p.cmd.Start()
}

// arrive waits until the process is a node.
func (p *process) arrive() error {
	where, err := p.readLine()
	if err == nil {
		p.Node = p.node(where)
	}
	return err
}

// readLine reads what the process prints. It kills the process if that is an error.
func (p *process) readLine() (string, error) {
	text, err := p.output.ReadString('\n')
	if err != nil || strings.HasPrefix(text, "error") {
		p.kill()
		return "", fmt.Errorf("the process printed %q: %w\n%s", text, err, p.stderr.String())
	}
	return strings.TrimSpace(text), nil
}

func (p *process) node(where string) *modeltest.Node {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, where)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 32}}
	return &modeltest.Node{
		Scheme: "http", Dial: dial, Client: client, Operator: client,
		Stop: func() error {
			client.CloseIdleConnections()
			return p.terminate()
		},
		Crash: p.kill,
	}
}

// terminate ends the process as a deploy does.
func (p *process) terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	rest, _ := io.ReadAll(p.output)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s\n%s", err, rest, p.stderr.String())
	}
	return nil
}

// kill is kill −9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
