/* What the programs need of a machine without an operating system and a C library. */

#ifndef STARTUP_H
#define STARTUP_H

/* Writes a text to the debugger, or the emulator. */
void print(const char *text);

/* Writes a number and a blank; returns the place behind them. */
char *number(char *to, int value);

int main(void);

#endif
