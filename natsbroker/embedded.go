package natsbroker

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// An EmbeddedConfig configures a [Server]. The zero value is one node whose log
// ends with the process.
type EmbeddedConfig struct {
	// StoreDir is the directory of this server's data, on a local disk. It
	// belongs to one process at a time: as long as another one runs, Embedded
	// returns an error. So a deploy stops the old process first. Default: a temporary one, which Close removes. A
	// cluster needs one that stays.
	StoreDir string

	// Name names this server in its cluster. It must stay the same across
	// restarts, and be another one on each node. Default: Listen.
	Name string

	// Listen is the address at which the other nodes of the cluster reach this
	// one: "10.0.0.1:6222". Default: there is no cluster.
	Listen string

	// Peers are the Listen addresses of all nodes, of which there are three, or
	// five. This node's own may be among them. Required with Listen.
	Peers []string

	// Secret lets a node into the cluster. It must be the same on all nodes.
	// Required with Listen. Without TLS it crosses the network unencrypted.
	Secret string

	// TLS encrypts what the nodes of the cluster send one another. It needs
	// certificates and RootCAs, because each node is client and server. Default:
	// no encryption.
	TLS *tls.Config

	// MaxPayload bounds a message, and so an event. It must be the same on all
	// nodes. Default 8 MiB.
	MaxPayload int

	// SyncAlways has the server flush each message to its disk before Publish
	// returns. Default: the server flushes every two minutes, so a crash of the
	// machine, though not of the process, can lose messages.
	SyncAlways bool

	// Logger gets the server's warnings and errors. Default slog.Default().
	Logger *slog.Logger
}

// A Server is a NATS server inside the process. It has no port. In a cluster it
// has two: Listen, and one at 127.0.0.1 whose password stays in the process. It is
// safe for concurrent use.
type Server struct {
	server    *natsserver.Server
	conn      *nats.Conn
	nodes     int
	lock      *flock.Flock // of the directory of the data
	temporary string       // a directory that Close removes
}

// Embedded starts a NATS server inside the process. It returns when the server
// takes connections. In a cluster, New then waits for the others.
func Embedded(config EmbeddedConfig) (*Server, error) {
	s := &Server{}
	if err := s.open(config); err != nil {
		return nil, errors.Join(fmt.Errorf("natsbroker: embedded: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) open(config EmbeddedConfig) error {
	options, err := config.options()
	if err != nil {
		return err
	}
	if options.StoreDir == "" {
		if s.temporary, err = os.MkdirTemp("", "pull-nats-"); err != nil {
			return err
		}
		options.StoreDir = s.temporary
	}
	if err := s.lockStore(options.StoreDir); err != nil {
		return err
	}
	if s.server, err = natsserver.NewServer(options); err != nil {
		return err
	}
	s.nodes = 1 + len(options.Routes)
	events := &serverLog{logger: cmp.Or(config.Logger, slog.Default())}
	s.server.SetLoggerV2(events, false, false, false)
	s.server.Start()
	if events.failed() || !s.server.ReadyForConnections(startPatience) {
		go s.server.Shutdown() // of a server that has not started, it may not return
		s.server = nil
		return events.reason()
	}
	s.conn, err = nats.Connect("", nats.Name("pull"), nats.InProcessServer(s.server), nats.MaxReconnects(-1),
		nats.UserInfo(options.Username, options.Password))
	return err
}

// lockStore keeps other processes out of the directory of the data. Two servers
// would damage it.
func (s *Server) lockStore(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	s.lock = flock.New(filepath.Join(dir, "pull.lock"))
	ours, err := s.lock.TryLock()
	if err == nil && !ours {
		err = fmt.Errorf("StoreDir %s is used by another process", dir)
	}
	if err != nil {
		s.lock = nil
	}
	return err
}

// Conn returns the connection to the server for Config.Conn. It lasts until Close.
func (s *Server) Conn() *nats.Conn { return s.conn }

// Nodes returns how many nodes the cluster has, for Config.Replicas: 1 without a
// cluster.
func (s *Server) Nodes() int { return s.nodes }

// Close ends the server in order, and waits for it. Call it after the plugin's
// Shutdown. In a cluster, the next node may be restarted when this one is back.
func (s *Server) Close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	var err error
	if s.lock != nil {
		err = s.lock.Unlock()
	}
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
	}
	if err != nil {
		return fmt.Errorf("natsbroker: embedded: %w", err)
	}
	return nil
}

// options checks the configuration and returns that of the server.
func (c *EmbeddedConfig) options() (*natsserver.Options, error) {
	payload := cmp.Or(c.MaxPayload, 8<<20)
	if payload < 1<<10 || payload > 64<<20 {
		return nil, fmt.Errorf("EmbeddedConfig.MaxPayload is %d, want 1 KiB to 64 MiB", payload)
	}
	o := &natsserver.Options{
		ServerName: cmp.Or(c.Name, c.Listen, "pull"),
		DontListen: true,
		JetStream:  true,
		StoreDir:   c.StoreDir,
		SyncAlways: c.SyncAlways,
		MaxPayload: int32(payload),
		NoSigs:     true,
	}
	if c.Listen == "" {
		if len(c.Peers) > 0 {
			return nil, errors.New("EmbeddedConfig.Peers needs Listen")
		}
		return o, nil
	}
	return o, c.cluster(o)
}

// cluster adds the other nodes to the options of the server.
func (c *EmbeddedConfig) cluster(o *natsserver.Options) error {
	nodes := slices.Compact(slices.Sorted(slices.Values(append([]string{c.Listen}, c.Peers...))))
	switch {
	case len(nodes) != 3 && len(nodes) != 5:
		return fmt.Errorf("EmbeddedConfig has %d nodes, Listen and Peers, want 3 or 5", len(nodes))
	case c.StoreDir == "":
		return errors.New("EmbeddedConfig.StoreDir is required in a cluster")
	case c.Secret == "":
		return errors.New("EmbeddedConfig.Secret is required in a cluster")
	}
	host, text, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("EmbeddedConfig.Listen: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 {
		return fmt.Errorf("EmbeddedConfig.Listen is %q, want a port above 0", c.Listen)
	}
	// The server opens the port of its cluster only behind one for clients. Nobody else knows the password of that.
	o.DontListen, o.Host, o.Port = false, "127.0.0.1", natsserver.RANDOM_PORT
	o.Username, o.Password = "pull", rand.Text()
	o.Cluster = natsserver.ClusterOpts{
		Name: "pull", Host: host, Port: port, Username: "pull", Password: c.Secret, NoAdvertise: true,
		TLSConfig: c.TLS, TLSTimeout: (5 * time.Second).Seconds(),
		PoolSize: -1, // one connection between two nodes is enough
	}
	for _, node := range nodes {
		if node == c.Listen {
			continue
		}
		if _, _, err := net.SplitHostPort(node); err != nil {
			return fmt.Errorf("EmbeddedConfig.Peers: %w", err)
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: node, User: url.UserPassword("pull", c.Secret)})
	}
	return nil
}
