// An SSH server for a node of the lab. Who has the key runs commands as the node's root user, each in a shell of its
// own. Kubernetes' specs stop and start kubelets with it. It gives no terminal and passes no input.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"

	"golang.org/x/crypto/ssh"
)

// unknownExit is what sshd reports of a command that has no exit code of its own.
const unknownExit = 255

func main() {
	address := flag.String("listen", ":22", "where to listen")
	keyFile := flag.String("authorized-key", "", "the file of the public key, in PEM, whose owner may log in")
	flag.Parse()
	log.Fatal(serve(*address, *keyFile))
}

func serve(address, keyFile string) error {
	config, err := serverConfig(keyFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := answer(connection, config); err != nil {
				log.Printf("%v: %v", connection.RemoteAddr(), err)
			}
		}()
	}
}

// serverConfig accepts one key, and has a host key of its own after each start: nobody knows the nodes by theirs.
func serverConfig(keyFile string) (*ssh.ServerConfig, error) {
	authorized, err := readPublicKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(authorized.Marshal()) {
				return nil, errors.New("another key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(host)
	return config, nil
}

func readPublicKey(file string) (ssh.PublicKey, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(key)
}

// answer serves one connection until its end, and with it ends the commands that still run.
func answer(connection net.Conn, config *ssh.ServerConfig) error {
	defer connection.Close()
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		if kind := offer.ChannelType(); kind != "session" {
			if err := offer.Reject(ssh.UnknownChannelType, kind+" is not served"); err != nil {
				return err
			}
			continue
		}
		channel, requests, err := offer.Accept()
		if err != nil {
			return err
		}
		go session(ctx, channel, requests)
	}
	return nil
}

// session runs the one command that a session may have. Errors of replies mean that the client has gone.
func session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		var wanted struct{ Command string }
		known := request.Type == "exec" && ssh.Unmarshal(request.Payload, &wanted) == nil
		if request.WantReply && request.Reply(known, nil) != nil {
			return
		}
		if !known {
			continue
		}
		go ssh.DiscardRequests(requests)
		code := run(ctx, wanted.Command, channel)
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
		return
	}
}

// run returns the command's exit code. The shell is root's on a node: the specs know its "command not found".
func run(ctx context.Context, command string, channel ssh.Channel) uint32 {
	shell := exec.CommandContext(ctx, "/bin/bash", "-c", command)
	shell.Stdout, shell.Stderr = channel, channel.Stderr()
	var ended *exec.ExitError
	switch err := shell.Run(); {
	case err == nil:
		return 0
	case errors.As(err, &ended) && ended.Exited():
		return uint32(ended.ExitCode())
	default:
		fmt.Fprintln(channel.Stderr(), err)
		return unknownExit
	}
}
