# The program of `--init` for x86-64: process 1, whose child becomes the command. trampoline.py says what it does
# and has what this assembles to; tests/runtime/test_reaper.py compares the two.
# rbx: argc and argv; ebp: the channel; r12: a mask of all signals, then room; r13d: the child.
.intel_syntax noprefix
    mov rbx, rsp
    mov rsi, [rbx+8]
    cmp dword ptr [rsi], 0x61627a69
    jne refuse
    mov ebp, 0x11223344
    sub rsp, 136
    # block every signal: rt_sigprocmask(SIG_SETMASK, &all, 0, 8)
    push -1
    mov r12, rsp
    mov rsi, r12
    call setmask
    # fork
    push 57
    pop rax
    syscall
    test eax, eax
    js failed
    jz child
    mov r13d, eax
    # close(channel)
    mov edi, ebp
    push 3
    pop rax
    syscall
wait_signal:
    # rt_sigtimedwait(&all, NULL, NULL, 8)
    mov rdi, r12
    xor esi, esi
    xor edx, edx
    push 8
    pop r10
    mov eax, 128
    syscall
    cmp eax, 17
    je reap
    test eax, eax
    jle wait_signal
    # kill(child, signal)
    mov edi, r13d
    mov esi, eax
    push 62
    pop rax
    syscall
    jmp wait_signal
reap:
    # wait4(-1, &status, WNOHANG, NULL)
    push -1
    pop rdi
    lea rsi, [r12+8]
    push 1
    pop rdx
    xor r10d, r10d
    push 61
    pop rax
    syscall
    test eax, eax
    jle wait_signal
    cmp eax, r13d
    jne reap
    mov edi, [r12+8]
    mov eax, edi
    and eax, 0x7f
    jz exited
    lea edi, [rax+128]
    jmp quit
exited:
    movzx edi, byte ptr [r12+9]
    jmp quit
child:
    # setpgid(0, 0)
    xor edi, edi
    xor esi, esi
    push 109
    pop rax
    syscall
    # getpid
    push 39
    pop rax
    syscall
    mov [r12+8], eax
    # ioctl(0, TIOCSPGRP, &pid)
    xor edi, edi
    mov esi, 0x5410
    lea rdx, [r12+8]
    push 16
    pop rax
    syscall
    push 0
    mov rsi, rsp
    call setmask
    # fcntl(channel, F_SETFD, FD_CLOEXEC)
    mov edi, ebp
    push 2
    pop rsi
    push 1
    pop rdx
    push 72
    pop rax
    syscall
    test eax, eax
    jnz failed
    # execve(argv[1], &argv[2], envp)
    mov rdi, [rbx+16]
    lea rsi, [rbx+24]
    mov rcx, [rbx]
    lea rdx, [rbx+rcx*8+16]
    push 59
    pop rax
    syscall
failed:
    neg eax
    push rax
    mov edi, ebp
    mov rsi, rsp
    push 4
    pop rdx
    push 1
    pop rax
    syscall
refuse:
    push 126
    pop rdi
quit:
    mov eax, 231
    syscall
setmask:
    push 2
    pop rdi
    xor edx, edx
    push 8
    pop r10
    push 14
    pop rax
    syscall
    ret
