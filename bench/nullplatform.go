package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// NullPlatform answers every HTTP request at once with {"errcode":0}, as cheaply as it can be done, until stop is called.
func NullPlatform(ctx context.Context, listen string) (url string, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerAll(c)
		}
	}()
	return "http://" + l.Addr().String() + "/send", func() { l.Close() }, nil
}

const nullAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"errcode\":0}"

func answerAll(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 4096)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(c, nullAnswer); err != nil {
			return
		}
	}
}

// ServeNullPlatform is NullPlatform as a process of its own: it prints its address and ends when its input does.
func ServeNullPlatform(ctx context.Context, in io.Reader, out io.Writer) error {
	url, stop, err := NullPlatform(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(out, url)
	_, err = io.Copy(io.Discard, in)
	return err
}

// PlatformProcess starts this program again as a null platform, so that its processor time is not counted as the sender's.
func PlatformProcess(ctx context.Context) (url string, pid int, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, nil, err
	}
	child := exec.CommandContext(ctx, self, "bench", "platform")
	in, err := child.StdinPipe()
	if err != nil {
		return "", 0, nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() { in.Close(); child.Wait() }
	if url, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("start the platform: %w", err)
	}
	return strings.TrimSpace(url), child.Process.Pid, stop, nil
}

// peakRSS is the most memory this process has had, as Linux tells it; 0 when it can't be read.
func peakRSS() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.ParseInt(fields[0], 10, 64)
	return kb << 10
}
