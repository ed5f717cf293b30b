#ifndef CLI_STOP_H
#define CLI_STOP_H

/* SIGINT, SIGTERM and SIGHUP as a wish: what is in hand is finished, then the program ends. */

/** From now on the first of these signals is noted, a second one ends the program at once. Those that are ignored (nohup) stay
 * so. */
void cli_stop_catch(void);

/** The signal that came, 0 while none has. Thread safe. */
int cli_stop_signal(void);

/** A descriptor that becomes readable with the signal and stays so, for poll; -1 before cli_stop_catch or when the
 * system had none left. */
int cli_stop_descriptor(void);

/** Its name: "SIGINT". */
const char *cli_stop_name(int number);

#endif
