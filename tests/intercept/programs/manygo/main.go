// Many goroutines, threads and children use redirected and other paths at once; every wrong byte is counted.
//
// A Go program is the hard case: its strings lie beside other strings in read-only pages, its stacks are small blocks of
// the heap, its goroutines wander over threads, and its runtime sends SIGURG to them all the time.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	tree, rounds := os.Args[1], 40
	if tree == "wait" {
		fmt.Println("runs")
		io.Copy(io.Discard, os.Stdin)
		return
	}
	var wrong, done atomic.Int64
	expect := func(path, want string) {
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			wrong.Add(1)
			fmt.Printf("%s: %q %v\n", path, got, err)
		}
		done.Add(1)
	}
	var group sync.WaitGroup
	for worker := 0; worker < 64; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if worker%8 == 0 {
				runtime.LockOSThread()
			}
			for round := 0; round < rounds; round++ {
				expect(tree+"/only/new", "new\n")
				expect(tree+"/shared", "made up\n")
				expect(tree+"/real", "really\n")
				if _, err := os.Stat(tree + "/only"); err != nil {
					wrong.Add(1)
				}
				if round%10 == 0 {
					expect(tree+"/only/../both/./new", "new both\n")
					expect(strings.Replace(tree, "/", "//", 1)+"/both/real", "really both\n")
				}
			}
		}()
	}
	// Allocation makes the collector run, which preempts with SIGURG.
	for i := 0; i < 200; i++ {
		_ = make([]byte, 1<<20)
		runtime.Gosched()
	}
	group.Wait()
	for i := 0; i < 10; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			command := exec.Command("cat", "new", "../shared", "../real")
			command.Dir = tree + "/only"
			output, err := command.CombinedOutput()
			if string(output) != "new\nmade up\nreally\n" {
				wrong.Add(1)
				fmt.Printf("child: %q %v\n", output, err)
			}
		}()
	}
	group.Wait()
	entries, err := os.ReadDir(tree)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	sort.Strings(names)
	fmt.Println(strings.Join(names, " "), err)
	if err := os.Chdir(tree + "/only"); err != nil {
		fmt.Println(err)
	}
	where, err := os.Getwd()
	fmt.Println(where == tree+"/only", err)
	expect("new", "new\n")
	count := 0
	_ = filepath.WalkDir(tree, func(path string, entry os.DirEntry, err error) error {
		count++
		return err
	})
	fmt.Println("walked", count)
	fmt.Println("wrong", wrong.Load(), "done", done.Load())
}
