/* Counts the instructions of the classifier alone under an emulator that lets the same time pass in each:

       make count CPU=cortex-m4 OPT=-O2

   prints how many a picture takes. They are instructions executed, not cycles: no wait for flash, and none executed two at a
   time. What an instruction is in ticks of the core's timer comes from loops of known length in this program. */

#include <stdint.h>

#include "lenet5-int8.h"
#include "pictures.h" /* const uint8_t pictures[COUNT][HEIGHT][WIDTH], gray levels */
#include "startup.h"

/* SysTick: control, reload, and the value that counts down. */
static volatile uint32_t *const timer = (volatile uint32_t *)0xE000E010;
enum { WRAP = 0xFFFFFF, SHORT = 1000000, LONG = 11000000 };

static uint32_t ticks_since(uint32_t start)
{
    return (start - timer[2]) & WRAP;
}

/* Ticks of a loop of two instructions a turn. */
static uint32_t loop(uint32_t turns)
{
    const uint32_t start = timer[2];
    __asm__ volatile("1: subs %0, #1\n bne 1b" : "+r"(turns) : : "cc");
    return ticks_since(start);
}

int main(void)
{
    static uint8_t pixels[784];
    uint64_t ticks = 0;
    timer[1] = WRAP;
    timer[2] = 0;
    timer[0] = 5; /* on, by the core's own clock */
    for (int i = 0; i < COUNT; i++) {
        int8_t logits[10];
        checkreader_normalize(&pictures[i][0][0], WIDTH, HEIGHT, WIDTH, pixels);
        const uint32_t start = timer[2];
        checkreader_lenet5_classify(pixels, logits);
        ticks += ticks_since(start);
    }
    const uint32_t shorter = loop(SHORT), longer = loop(LONG);
    char line[16];
    char *const end = number(line, (int)(ticks * 2 * (LONG - SHORT) / (longer - shorter) / COUNT));
    end[-1] = '\n';
    *end = 0;
    print(line);
    return 0;
}
