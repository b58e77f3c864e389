/* What a bare Cortex-M needs before and around `main`: vectors, the C library's two functions, output over semihosting. */

#include <stddef.h>
#include <stdint.h>

#include "startup.h"

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];
void reset(void);

/* What compilers call on their own. */
void *memset(void *to, int value, size_t count)
{
    for (volatile uint8_t *byte = to; count--;)
        *byte++ = (uint8_t)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    volatile uint8_t *byte = to;
    for (const uint8_t *source = from; count--;)
        *byte++ = *source++;
    return to;
}

/* Arm's semihosting: the debugger, or the emulator, does what register 0 asks for. */
static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void print(const char *text)
{
    semihosting(0x04, text);
}

char *number(char *to, int value)
{
    char digits[12];
    int count = 0;
    if (value < 0) {
        *to++ = '-';
        value = -value;
    }
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        *to++ = digits[--count];
    *to++ = ' ';
    return to;
}

static void fault(void)
{
    print("fault\n");
    semihosting(0x18, (void *)0x20023); /* an error, for the emulator's exit status */
    for (;;) {
    }
}

void reset(void)
{
    const uint32_t *load = data_load;
    for (uint32_t *word = data_start; word < data_end;)
        *word++ = *load++;
    for (uint32_t *word = bss_start; word < bss_end;)
        *word++ = 0;
    main();
    semihosting(0x18, (void *)0x20026); /* done */
    for (;;) {
    }
}

struct vectors {
    const void *stack;
    void (*handlers[15])(void);
};
__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    stack_top, {reset, fault, fault, fault, fault, fault}
};
