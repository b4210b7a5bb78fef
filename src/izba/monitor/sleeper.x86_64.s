# The program of a monitor that sleeps, for x86-64. sleeper.py says what it does and has what this assembles to;
# tests/monitor/test_sleeper.py compares the two.
# rbx: argc and argv.
.intel_syntax noprefix
    mov rbx, rsp
    # prctl(PR_SET_NAME, argv[0])
    push 15
    pop rdi
    mov rsi, [rbx+8]
    mov eax, 157
    syscall
    sub rsp, 32
doze:
    # epoll_pwait(fd, &event, 1, -1, NULL, 8)
    mov edi, 0x11223344
    mov rsi, rsp
    push 1
    pop rdx
    push -1
    pop r10
    xor r8d, r8d
    push 8
    pop r9
    mov eax, 281
    syscall
    # A signal that was none of ours: stopped, and let go on.
    cmp eax, -4
    je doze
wake:
    # execve(argv[1], &argv[2], envp)
    mov rdi, [rbx+16]
    lea rsi, [rbx+24]
    mov rcx, [rbx]
    lea rdx, [rbx+rcx*8+16]
    push 59
    pop rax
    syscall
    # nanosleep({1, 0}, NULL)
    push 1
    pop rax
    mov [rsp], rax
    xor esi, esi
    mov [rsp+8], rsi
    mov rdi, rsp
    push 35
    pop rax
    syscall
    jmp wake
