/* What programs under the seccomp mechanism run before their own calls on paths: tells, without a stop, that a path has nothing
 * to do with the view. Assembled by hand into screener_x86_64.py, which a test compares with this source:
 *     gcc -c -o screener.o screener_x86_64.S && objcopy -O binary -j .text screener.o screener.bin
 *
 * Called as  call screen  with the registers of openat, newfstatat, faccessat, faccessat2 or readlinkat, and nothing of the
 * caller's within 128 bytes below rsp. Returns the call's result in rax, all else as the kernel would leave it. It says "not
 * in the view" only where runner.intercept.rules.Rules.screen would say so: an absolute path, none of whose components is
 * empty or begins with a dot; not below a tree (a path below one begins with the first component of its name, and has the last
 * one somewhere), nor beyond a link of /proc, nor such a link to be shown; whose last component is no name of the view; and
 * which is no link that would be followed (for a file to be made: that leads through no link). Everything else is asked about:
 * the call then runs at `asked`, which the filter stops. The tracer may change rdi and rsi there and need not put them back.
 *
 * One thing is not asked: to open for reading what the tracer has sent to the layer so often that it admitted the very text to
 * the table. If the descriptor is still the layer's and has a plain file there, that is opened, and counted in the table.
 *
 * Only rax, rcx and r11 are free at a system call; what else is used is saved on the stack, in less than 256 bytes and the red
 * zone's 128. A goroutine has more: below the last check of its stack 800 bytes are kept for functions that check nothing, and
 * those that lead here use about 200. A path that cannot be read faults between `screen` and `ask`; the tracer sends such a
 * thread to `ask`, and the kernel says EFAULT.
 */
        .intel_syntax noprefix
        .set    OPENAT, 257
        .set    READLINKAT, 267
        .set    FACCESSAT, 269
        .set    READLINK, 89
        .set    FSTAT, 5
        .set    NEWFSTATAT, 262
        .set    NOFOLLOW, 0x100         /* AT_SYMLINK_NOFOLLOW */
        .set    OPENAT2, 437
        .set    CREAT, 0x40
        .set    NOT_SURE, 0x420000      /* O_NOFOLLOW | what tells O_TMPFILE from O_DIRECTORY */
        .set    OPEN_HOW, 24            /* bytes of struct open_how: flags at 0, mode at 8, resolve at 16 */
        .set    NO_SYMLINKS, 4
        .set    NOT_PLAIN, ~0x88800     /* all but O_CLOEXEC, O_LARGEFILE, O_NONBLOCK */
        .set    LONGEST, 4095           /* bytes of a path */
        .set    STAT, 144               /* bytes of struct stat: st_dev at 0, st_ino at 8, st_mode at 24 */
        .set    FORMAT, 0xf000
        .set    REGULAR, 0x8000
        .set    FNV_BASIS, 0x811c9dc5
        .set    FNV_PRIME, 0x01000193
        .set    BITS, 0x3fff            /* of a sieve, less one */

        .macro  reload                  /* the call as the program made it, but for r9 */
        mov     rax, [rsp + 40]
        mov     rdi, [rsp]
        mov     rsi, [rsp + 8]
        mov     rdx, [rsp + 16]
        mov     r8, [rsp + 24]
        .endm
        .macro  bit                     /* ecx: the bit in a sieve of what hashes to eax */
        mov     ecx, eax
        shr     ecx, 15
        xor     ecx, eax
        and     ecx, BITS
        .endm

        .text
screen:
        push    rax
        push    r9
        push    r8
        push    rdx
        push    rsi
        push    rdi
        cmp     eax, OPENAT
        jne     opens_nothing
        test    edx, NOT_SURE
        jnz     doubt
opens_nothing:
        mov     r11, rsi
        lea     r8, [rsi + LONGEST]
        cmp     byte ptr [r11], '/'
        jne     doubt
        xor     r9d, r9d                /* 0: in the first component; else 1 or 2: below what no tree, or some, begins with */
component:
        inc     r11
        movzx   ecx, byte ptr [r11]
        cmp     ecx, '/'
        je      doubt
        cmp     ecx, '.'
        je      doubt
        test    ecx, ecx
        jz      doubt
        mov     eax, FNV_BASIS
letter:
        xor     eax, ecx
        imul    eax, eax, FNV_PRIME
        inc     r11
        cmp     r11, r8
        ja      doubt
        movzx   ecx, byte ptr [r11]
        test    ecx, ecx
        jz      last
        cmp     ecx, '/'
        jne     letter
        /* A component that others follow: eax is its hash, ecx the bit that it has in a sieve. */
        bit
        cmp     r9d, 1
        je      component
        ja      inside
        lea     rdx, [rip + screen + 0x1000]    /* sieve of the first components of trees */
        bt      dword ptr [rdx], ecx
        setc    r9b
        inc     r9d
        cmp     r9d, 1
        je      component
inside:
        cmp     dword ptr [rsp + 40], READLINKAT        /* a process's link may show the layer */
        je      doubt
        lea     rdx, [rip + screen + 0x1800]    /* sieve of the last components of trees */
        bt      dword ptr [rdx], ecx
        jnc     component
        jmp     doubt
last:
        lea     rdx, [rip + screen + 0x2000]    /* sieve of the view's names */
        bit
        bt      dword ptr [rdx], ecx
        jc      doubt
        mov     rax, [rsp + 40]
        cmp     eax, READLINKAT
        je      run
        cmp     eax, OPENAT
        je      opens
        cmp     eax, FACCESSAT
        je      follows
        test    r10d, NOFOLLOW
        jnz     run
        jmp     follows
opens:
        test    dword ptr [rsp + 16], CREAT
        jnz     creates
follows:
        /* A link at its end could lead anywhere. */
        push    rax
        mov     eax, READLINK
        mov     rdi, rsi
        mov     rsi, rsp
        mov     edx, 1
        mov     r9, [rip + screen + 0x0ff8]     /* the pass that the filter knows */
        syscall
        pop     rcx
        test    rax, rax
        jns     doubt
run:
        reload
        mov     r9, [rip + screen + 0x0ff8]
        syscall
        mov     r9, [rsp + 32]
        add     rsp, 48
        ret
creates:
        /* A new name could be anywhere that a link leads to, so it is made where none does, or asked about. */
        mov     r8, r10
        sub     rsp, OPEN_HOW
        mov     eax, [rsp + OPEN_HOW + 16]
        mov     [rsp], rax
        mov     eax, r10d
        mov     [rsp + 8], rax
        mov     qword ptr [rsp + 16], NO_SYMLINKS
        mov     eax, OPENAT2
        mov     rdi, [rsp + OPEN_HOW]
        mov     rsi, [rsp + OPEN_HOW + 8]
        mov     rdx, rsp
        mov     r10d, OPEN_HOW
        mov     r9, [rip + screen + 0x0ff8]
        syscall
        mov     r10, r8
        add     rsp, OPEN_HOW
        test    rax, rax
        js      ask
        mov     rdx, [rsp + 16]
        jmp     done
doubt:
        cmp     dword ptr [rsp + 40], OPENAT
        jne     ask
        test    dword ptr [rsp + 16], NOT_PLAIN
        jnz     ask
        mov     r8, [rip + screen + 0x3ff8]     /* where the table is mapped */
        test    r8, r8
        jz      ask
        mov     rsi, [rsp + 8]
        lea     r11, [rsi + LONGEST]
        mov     edx, FNV_BASIS
letter_of_all:
        movzx   ecx, byte ptr [rsi]
        test    ecx, ecx
        jz      all
        xor     rdx, rcx
        imul    rdx, rdx, FNV_PRIME
        inc     rsi
        cmp     rsi, r11
        jbe     letter_of_all
        jmp     ask
all:
        mov     rcx, rdx
        shr     rcx, 32
        xor     ecx, edx
        movzx   ecx, cl
        shl     ecx, 4
        add     r8, rcx
        cmp     [r8], rdx
        jne     ask
        push    r10
        sub     rsp, STAT
        mov     r9, [rip + screen + 0x0ff8]
        mov     eax, FSTAT
        mov     rdi, [rip + screen + 0x0ff0]    /* the layer's descriptor */
        mov     rsi, rsp
        syscall
        test    rax, rax
        jnz     no_hit
        mov     rax, [rsp]
        cmp     rax, [rip + screen + 0x0fe8]
        jne     no_hit
        mov     rax, [rsp + 8]
        cmp     rax, [rip + screen + 0x0fe0]
        jne     no_hit
        mov     eax, NEWFSTATAT
        mov     rsi, [rsp + STAT + 8 + 8]
        inc     rsi                             /* the text without its slash is the layer's file */
        mov     rdx, rsp
        mov     r10d, NOFOLLOW
        syscall
        test    rax, rax
        jnz     no_hit
        mov     eax, [rsp + 24]
        and     eax, FORMAT
        cmp     eax, REGULAR
        jne     no_hit
        mov     eax, OPENAT
        mov     rdx, [rsp + STAT + 8 + 16]
        mov     r10, [rsp + STAT]
        syscall
        test    rax, rax
        js      no_hit
        lock inc qword ptr [r8 + 8]
        add     rsp, STAT + 8
done:
        mov     rdi, [rsp]
        mov     rsi, [rsp + 8]
        mov     r8, [rsp + 24]
        mov     r9, [rsp + 32]
        add     rsp, 48
        ret
no_hit:
        add     rsp, STAT
        pop     r10
ask:
        reload
        mov     r9, [rsp + 32]
        syscall
asked:
        mov     rdi, [rsp]
        mov     rsi, [rsp + 8]
        add     rsp, 48
        ret
