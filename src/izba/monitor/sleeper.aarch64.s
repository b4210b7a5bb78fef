// The program of a monitor that sleeps, for aarch64: see sleeper.x86_64.s.
// x19: argc and argv.
    mov x19, sp
    // prctl(PR_SET_NAME, argv[0])
    mov x0, #15
    ldr x1, [x19, #8]
    mov x8, #167
    svc #0
    sub sp, sp, #32
doze:
    // epoll_pwait(fd, &event, 1, -1, NULL, 8)
    ldr w0, =0x11223344
    mov x1, sp
    mov x2, #1
    mov x3, #-1
    mov x4, #0
    mov x5, #8
    mov x8, #22
    svc #0
    // A signal that was none of ours: stopped, and let go on.
    cmn x0, #4
    b.eq doze
wake:
    // execve(argv[1], &argv[2], envp)
    ldr x0, [x19, #16]
    add x1, x19, #24
    ldr x3, [x19]
    add x2, x19, x3, lsl #3
    add x2, x2, #16
    mov x8, #221
    svc #0
    // nanosleep({1, 0}, NULL)
    mov x1, #1
    str x1, [sp]
    str xzr, [sp, #8]
    mov x0, sp
    mov x1, #0
    mov x8, #101
    svc #0
    b wake
