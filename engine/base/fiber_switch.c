/* Neither the x87 and MXCSR control words nor FPCR are saved: nothing here ever changes them. The
 * first frame of a context says "no caller" to unwinders, so a backtrace ends there. */
#include "engine/base/fiber_switch.h"

#include <stdint.h>

#ifndef FIBER_UCONTEXT

void fiber_context_start(void);
void fiber_context_call_at(void *sp, void (*function)(void *argument), void *argument);

void fiber_context_call(const struct fiber_context *suspended,
                        void (*function)(void *argument),
                        void *argument)
{
    fiber_context_call_at(suspended->sp, function, argument);
}

static uintptr_t *stack_top(void *stack_low, size_t stack_size)
{
    return (uintptr_t *)(((uintptr_t)stack_low + stack_size) & ~(uintptr_t)15);
}

#endif

#if defined(FIBER_UCONTEXT)

#include "engine/base/check.h"

enum { CALL_MARGIN = 4096, CALL_STACK_SIZE = 4 << 20 };

/* makecontext passes ints only: two halves of each pointer. */
static void start(unsigned entry_high, unsigned entry_low, unsigned high, unsigned low)
{
    uintptr_t entry = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
    uintptr_t argument = (uintptr_t)((uint64_t)high << 32 | low);
    ((void (*)(void *))entry)((void *)argument);
}

void fiber_context_make(struct fiber_context *context,
                        void *stack_low,
                        size_t stack_size,
                        void (*entry)(void *argument),
                        void *argument)
{
    uint64_t entry_bits = (uint64_t)(uintptr_t)entry;
    uint64_t argument_bits = (uint64_t)(uintptr_t)argument;
    require(getcontext(&context->registers) == 0);
    context->registers.uc_stack.ss_sp = stack_low;
    context->registers.uc_stack.ss_size = stack_size;
    context->registers.uc_link = NULL;
    makecontext(&context->registers,
                (void (*)(void))start,
                4,
                (unsigned)(entry_bits >> 32),
                (unsigned)entry_bits,
                (unsigned)(argument_bits >> 32),
                (unsigned)argument_bits);
}

void fiber_context_switch(struct fiber_context *from, const struct fiber_context *to)
{
    from->frame = __builtin_frame_address(0);
    require(swapcontext(&from->registers, &to->registers) == 0);
}

struct call {
    struct fiber_context caller;
    struct fiber_context callee;
    void (*function)(void *argument);
    void *argument;
};

static void run_call(void *argument)
{
    struct call *call = argument;
    call->function(call->argument);
    fiber_context_switch(&call->callee, &call->caller);
}

void fiber_context_call(const struct fiber_context *suspended,
                        void (*function)(void *argument),
                        void *argument)
{
    struct call call = {.function = function, .argument = argument};
    char *low = suspended->frame - CALL_MARGIN - CALL_STACK_SIZE;
    fiber_context_make(&call.callee, low, CALL_STACK_SIZE, run_call, &call);
    fiber_context_switch(&call.caller, &call.callee);
}

#elif defined(__x86_64__)

/* System V ABI: rbx, rbp, r12 to r15 are the callee's to keep. The jump through rcx instead of a
 * return keeps the processor's return prediction from missing at every switch. */
__asm__(".text\n"
        ".globl fiber_context_switch\n"
        ".type fiber_context_switch, @function\n"
        "fiber_context_switch:\n"
        "  .cfi_startproc\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  .cfi_adjust_cfa_offset 48\n"
        "  movq %rsp, (%rdi)\n"
        "  movq (%rsi), %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  .cfi_adjust_cfa_offset -48\n"
        "  popq %rcx\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  jmp *%rcx\n"
        "  .cfi_endproc\n"
        ".size fiber_context_switch, .-fiber_context_switch\n"
        ".globl fiber_context_start\n"
        ".type fiber_context_start, @function\n"
        "fiber_context_start:\n"
        "  .cfi_startproc\n"
        "  .cfi_undefined rip\n"
        "  movq %r12, %rdi\n"
        "  callq *%r13\n"
        "  ud2\n"
        "  .cfi_endproc\n"
        ".size fiber_context_start, .-fiber_context_start\n"
        ".globl fiber_context_call_at\n"
        ".type fiber_context_call_at, @function\n"
        "fiber_context_call_at:\n"
        "  .cfi_startproc\n"
        "  pushq %rbp\n"
        "  .cfi_def_cfa_offset 16\n"
        "  .cfi_offset rbp, -16\n"
        "  movq %rsp, %rbp\n"
        "  .cfi_def_cfa_register rbp\n"
        "  movq %rdi, %rsp\n"
        "  andq $-16, %rsp\n"
        "  movq %rdx, %rdi\n"
        "  callq *%rsi\n"
        "  movq %rbp, %rsp\n"
        "  popq %rbp\n"
        "  .cfi_def_cfa rsp, 8\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size fiber_context_call_at, .-fiber_context_call_at\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");

void fiber_context_make(struct fiber_context *context,
                        void *stack_low,
                        size_t stack_size,
                        void (*entry)(void *argument),
                        void *argument)
{
    /* As fiber_context_switch pops them: r15 r14 r13 r12 rbx rbp rip. Two words are left above, so
     * that the stack is 16-byte aligned at the call in fiber_context_start. */
    uintptr_t *sp = stack_top(stack_low, stack_size) - 9;
    sp[0] = 0;
    sp[1] = 0;
    sp[2] = (uintptr_t)entry;
    sp[3] = (uintptr_t)argument;
    sp[4] = 0;
    sp[5] = 0;
    sp[6] = (uintptr_t)fiber_context_start;
    context->sp = sp;
}

#elif defined(__aarch64__)

/* AAPCS64: x19 to x30, d8 to d15 and sp are the callee's to keep. */
__asm__(".text\n"
        ".globl fiber_context_switch\n"
        ".type fiber_context_switch, %function\n"
        "fiber_context_switch:\n"
        "  .cfi_startproc\n"
        "  sub sp, sp, #160\n"
        "  .cfi_adjust_cfa_offset 160\n"
        "  stp x19, x20, [sp, #0]\n"
        "  stp x21, x22, [sp, #16]\n"
        "  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n"
        "  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n"
        "  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n"
        "  str x9, [x0]\n"
        "  ldr x9, [x1]\n"
        "  mov sp, x9\n"
        "  ldp x19, x20, [sp, #0]\n"
        "  ldp x21, x22, [sp, #16]\n"
        "  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n"
        "  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n"
        "  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  .cfi_adjust_cfa_offset -160\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size fiber_context_switch, .-fiber_context_switch\n"
        ".globl fiber_context_start\n"
        ".type fiber_context_start, %function\n"
        "fiber_context_start:\n"
        "  .cfi_startproc\n"
        "  .cfi_undefined x30\n"
        "  mov x0, x19\n"
        "  blr x20\n"
        "  brk #1\n"
        "  .cfi_endproc\n"
        ".size fiber_context_start, .-fiber_context_start\n"
        ".globl fiber_context_call_at\n"
        ".type fiber_context_call_at, %function\n"
        "fiber_context_call_at:\n"
        "  .cfi_startproc\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  .cfi_def_cfa_offset 16\n"
        "  .cfi_offset x29, -16\n"
        "  .cfi_offset x30, -8\n"
        "  mov x29, sp\n"
        "  .cfi_def_cfa_register x29\n"
        "  mov sp, x0\n"
        "  mov x0, x2\n"
        "  blr x1\n"
        "  mov sp, x29\n"
        "  .cfi_def_cfa_register sp\n"
        "  ldp x29, x30, [sp], #16\n"
        "  .cfi_def_cfa_offset 0\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size fiber_context_call_at, .-fiber_context_call_at\n"
        ".section .note.GNU-stack,\"\",%progbits\n"
        ".text\n");

void fiber_context_make(struct fiber_context *context,
                        void *stack_low,
                        size_t stack_size,
                        void (*entry)(void *argument),
                        void *argument)
{
    uintptr_t *sp = stack_top(stack_low, stack_size) - 20;
    for (int i = 0; i < 20; i++) {
        sp[i] = 0;
    }
    sp[0] = (uintptr_t)argument;             /* x19 */
    sp[1] = (uintptr_t)entry;                /* x20 */
    sp[11] = (uintptr_t)fiber_context_start; /* x30 */
    context->sp = sp;
}

#endif
