package natsbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// A serverLog takes the log of an embedded server. Of that, it passes on what an
// operator has to know.
type serverLog struct {
	logger *slog.Logger

	mu    sync.Mutex // guards fatal
	fatal error      // why the server has not started
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) {
	l.logger.Warn("natsbroker: embedded: " + fmt.Sprintf(format, v...))
}

func (l *serverLog) Errorf(format string, v ...any) {
	l.logger.Error("natsbroker: embedded: " + fmt.Sprintf(format, v...))
}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.fatal = errors.Join(l.fatal, fmt.Errorf(format, v...))
}

// failed reports whether the server has given up.
func (l *serverLog) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.fatal != nil
}

// reason returns why the server has not started.
func (l *serverLog) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.fatal != nil {
		return l.fatal
	}
	return errors.New("the server does not start")
}
