// What cases.c does, from a static Go program: raw calls on goroutine stacks with their registers compared, and the
// library's own ways. One line a case; the same lines must come out under every mechanism.
//
// usage: gocases CONTEXT   where CONTEXT is main, thread or child
// environment: TREE (a tree of the view), OUT (a directory outside), SINGLE (a single file), SCREENED (openat is made as the
// library makes it, which is screened in the program itself; registers cannot be compared then)
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"unsafe"
)

func raw(nr, a, b, c, d, e, f uintptr) (result, changed uintptr)

const (
	markD, mark8, mark9 = 0x1d1d1d1d1d1d, 0x1818181818, 0x1919191919
	openat2, faccessat2 = 437, 439
	atFdcwd             = ^uintptr(99)
)

var tree, out, single string

var screened = os.Getenv("SCREENED") != ""

// What the kernel writes into: not on a stack, which moves when it grows.
var (
	st   syscall.Stat_t
	fs   syscall.Statfs_t
	sx   [256]byte
	link [400]byte
	how  [3]uint64
)

func call(name, label string, nr uintptr, arguments ...uintptr) int {
	all := [6]uintptr{markD, markD, markD, markD, mark8, mark9}
	copy(all[:], arguments)
	var result, changed uintptr
	if nr == syscall.SYS_OPENAT && screened {
		r, _, errno := syscall.Syscall6(nr, all[0], all[1], all[2], all[3], all[4], all[5])
		if result = r; errno != 0 {
			result = -uintptr(errno)
		}
	} else {
		result, changed = raw(nr, all[0], all[1], all[2], all[3], all[4], all[5])
	}
	n := int(result)
	switch {
	case changed != 0:
		fmt.Printf("%s %s: registers changed, mask %#x\n", name, label, changed)
	case n < 0:
		fmt.Printf("%s %s: %v\n", name, label, syscall.Errno(-n))
	}
	return n
}

func text(path string) (uintptr, []byte) {
	bytes := append([]byte(path), 0)
	return uintptr(unsafe.Pointer(&bytes[0])), bytes
}

func opened(name, label string, fd int) {
	if fd < 0 {
		return
	}
	var buffer [64]byte
	n, err := syscall.Read(fd, buffer[:])
	_ = syscall.Fstat(fd, &st)
	fmt.Printf("%s %s: read=%d %v %q mode=%o\n", name, label, n, err, buffer[:max(n, 0)], st.Mode)
	_ = syscall.Close(fd)
}

func look(label, path string) {
	pointer, bytes := text(path)
	how = [3]uint64{syscall.O_RDONLY | syscall.O_CLOEXEC, 0, 0}
	stat := uintptr(unsafe.Pointer(&st))
	mode := func(name string, n int) {
		if n >= 0 {
			size := st.Size
			if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
				size = -1
			}
			fmt.Printf("%s %s: mode=%o size=%d\n", name, label, st.Mode, size)
		}
	}
	value := func(name string, n int) {
		if n >= 0 {
			fmt.Printf("%s %s: %d\n", name, label, n)
		}
	}
	opened("openat", label, call("openat", label, syscall.SYS_OPENAT, atFdcwd, pointer, syscall.O_RDONLY, 0))
	opened("open", label, call("open", label, syscall.SYS_OPEN, pointer, syscall.O_RDONLY, 0))
	opened("openat2", label, call("openat2", label, openat2, atFdcwd, pointer, uintptr(unsafe.Pointer(&how)), 24))
	mode("newfstatat", call("newfstatat", label, syscall.SYS_NEWFSTATAT, atFdcwd, pointer, stat, 0))
	mode("stat", call("stat", label, syscall.SYS_STAT, pointer, stat))
	mode("lstat", call("lstat", label, syscall.SYS_LSTAT, pointer, stat))
	value("statx", call("statx", label, 332, atFdcwd, pointer, 0, 0x7ff, uintptr(unsafe.Pointer(&sx))))
	value("access", call("access", label, syscall.SYS_ACCESS, pointer, 6))
	value("faccessat2", call("faccessat2", label, faccessat2, atFdcwd, pointer, 4, 0x200))
	value("readlinkat", call("readlinkat", label, syscall.SYS_READLINKAT, atFdcwd, pointer, uintptr(unsafe.Pointer(&link)), 400))
	value("statfs", call("statfs", label, syscall.SYS_STATFS, pointer, uintptr(unsafe.Pointer(&fs))))
	if string(bytes) != path+"\x00" {
		fmt.Printf("the text of %s was changed\n", label)
	}
	runtime.KeepAlive(bytes)
}

func spellings() {
	for _, rest := range []string{
		"/only/new", "/shared", "/real", "/none", "/only", "/only/", "/both", "", "/only/new/", "/only/new/x", "//only///new",
		"/./only/./new", "/only/../only/new", "/only/../shared", "/only/../real", "/none/../shared", "/both/new", "/both/real",
		"/dir-link/new", "/file-link", "/gone-link", "/only/newer",
	} {
		look(rest, tree+rest)
	}
	for _, way := range [][2]string{
		{"//", "//" + tree + "/only/new"}, {"self/root", "/proc/self/root" + tree + "/only/new"}, {"self/..", "/proc/self/../.." + tree + "/only/new"},
		{"prefix in the middle", out + tree + "/only/new"}, {"link to the tree", out + "/to-tree/only/new"}, {"link to new", out + "/to-new"},
		{"relative link", out + "/relative"}, {"link to a link", out + "/to-link"}, {"loop", out + "/loop"}, {"single", single},
		{"single and more", single + "x"}, {"2 KiB", tree + strings.Repeat("/only/..", 240) + "/only/new"}, {"too long", tree + strings.Repeat("/", 4100)},
	} {
		look(way[0], way[1])
	}
}

// What Go's own library makes of the view.
func library() {
	say := func(label string, value any, err error) {
		if err != nil {
			// Only the error itself: paths differ between worlds.
			for inner := err; inner != nil; inner = unwrap(inner) {
				err = inner
			}
		}
		fmt.Printf("%s: %v %v\n", label, value, err)
	}
	read := func(path string) {
		data, err := os.ReadFile(path)
		say("ReadFile "+strings.TrimPrefix(path, tree), string(data), err)
	}
	read(tree + "/only/new")
	read(tree + "/shared")
	read(tree + "/real")
	read(tree + "/none")
	say("WriteFile", "", os.WriteFile(tree+"/only/made", []byte("made by Go\n"), 0o644))
	read(tree + "/only/made")
	say("Rename", "", os.Rename(tree+"/only/made", tree+"/only/renamed"))
	read(tree + "/only/made")
	read(tree + "/only/renamed")
	say("MkdirAll", "", os.MkdirAll(tree+"/only/a/b/c", 0o755))
	say("Symlink", "", os.Symlink("../renamed", tree+"/only/a/link"))
	read(tree + "/only/a/link")
	target, err := os.Readlink(tree + "/only/a/link")
	say("Readlink", target, err)
	where, err := filepath.EvalSymlinks(out + "/to-tree/only/a/link")
	say("EvalSymlinks", strings.TrimPrefix(where, tree), err)
	names := []string{}
	err = filepath.WalkDir(tree, func(path string, entry os.DirEntry, err error) error {
		names = append(names, fmt.Sprint(strings.TrimPrefix(path, tree), entry.IsDir(), err))
		return nil
	})
	sort.Strings(names)
	say("WalkDir", names, err)
	matches, err := filepath.Glob(tree + "/only/*")
	say("Glob", len(matches), err)
	say("RemoveAll", "", os.RemoveAll(tree+"/only/a"))
	say("Remove", "", os.Remove(tree+"/only/renamed"))
	say("Remove again", "", os.Remove(tree+"/only/renamed"))
	say("Chmod", "", os.Chmod(tree+"/only/script", 0o755))
	// The child's chdir and execve run between vfork and exec, in memory that it shares with us.
	command := exec.Command(tree+"/only/script", "from Go")
	command.Dir = tree + "/only"
	output, err := command.CombinedOutput()
	say("script", string(output), err)
	command = exec.Command("cat", "new", "../shared", "../real")
	command.Dir = tree + "/only"
	output, err = command.CombinedOutput()
	say("cat", string(output), err)
	say("Chdir", "", os.Chdir(tree+"/only"))
	here, err := os.Getwd()
	say("Getwd", here == tree+"/only", err)
	read("new")
	read("../real")
	say("Chdir /", "", os.Chdir("/"))
}

func unwrap(err error) error {
	if inner, ok := err.(interface{ Unwrap() error }); ok {
		return inner.Unwrap()
	}
	return nil
}

func main() {
	tree, out, single = os.Getenv("TREE"), os.Getenv("OUT"), os.Getenv("SINGLE")
	all := func() {
		spellings()
		library()
	}
	switch os.Args[1] {
	case "thread":
		runtime.LockOSThread() // keeps the first thread from running the other goroutine
		done := make(chan bool)
		go func() {
			runtime.LockOSThread()
			all()
			close(done)
		}()
		<-done
	case "child":
		command := exec.Command(os.Args[0], "main")
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			fmt.Println(err)
		}
	default:
		all()
	}
}
