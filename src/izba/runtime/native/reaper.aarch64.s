// The program of `--init` for aarch64: see reaper.x86_64.s.
// x19: argc and argv; w20: the channel; x21: a mask of all signals, then room; x22: the child.
    mov x19, sp
    ldr x1, [x19, #8]
    ldr w0, [x1]
    ldr w2, =0x61627a69
    cmp w0, w2
    b.ne refuse
    ldr w20, =0x11223344
    sub sp, sp, #32
    mov x21, sp
    mov x0, #-1
    str x0, [x21]
    bl setmask
    // clone(SIGCHLD, 0, 0, 0, 0)
    mov x0, #17
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #220
    svc #0
    cmp x0, #0
    b.lt failed
    b.eq child
    mov x22, x0
    // close(channel)
    mov w0, w20
    mov x8, #57
    svc #0
wait_signal:
    mov x0, x21
    mov x1, #0
    mov x2, #0
    mov x3, #8
    mov x8, #137
    svc #0
    cmp x0, #17
    b.eq reap
    cmp x0, #0
    b.le wait_signal
    mov x1, x0
    mov x0, x22
    mov x8, #129
    svc #0
    b wait_signal
reap:
    mov x0, #-1
    add x1, x21, #8
    mov x2, #1
    mov x3, #0
    mov x8, #260
    svc #0
    cmp x0, #0
    b.le wait_signal
    cmp x0, x22
    b.ne reap
    ldr w1, [x21, #8]
    ands w0, w1, #0x7f
    b.eq exited
    add w0, w0, #128
    b quit
exited:
    ubfx w0, w1, #8, #8
    b quit
child:
    mov x0, #0
    mov x1, #0
    mov x8, #154
    svc #0
    mov x8, #172
    svc #0
    str w0, [x21, #8]
    mov x0, #0
    mov x1, #0x5410
    add x2, x21, #8
    mov x8, #29
    svc #0
    str xzr, [x21]
    bl setmask
    mov w0, w20
    mov x1, #2
    mov x2, #1
    mov x8, #25
    svc #0
    cbnz x0, failed
    ldr x3, [x19]
    ldr x0, [x19, #16]
    add x1, x19, #24
    add x2, x19, x3, lsl #3
    add x2, x2, #16
    mov x8, #221
    svc #0
failed:
    neg w0, w0
    str w0, [x21, #8]
    mov w0, w20
    add x1, x21, #8
    mov x2, #4
    mov x8, #64
    svc #0
refuse:
    mov w0, #126
quit:
    mov x8, #94
    svc #0
setmask:
    mov x0, #2
    mov x1, x21
    mov x2, #0
    mov x3, #8
    mov x8, #135
    svc #0
    ret
    .ltorg
