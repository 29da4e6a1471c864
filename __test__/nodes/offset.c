/* offset NS PROGRAM...: runs a program in a time namespace whose CLOCK_MONOTONIC and CLOCK_BOOTTIME are NS nanoseconds ahead
 * (time_namespaces(7)). unshare(1) takes whole seconds alone. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static pid_t child;

static void forward(int number) { kill(child, number); }

int main(int count, char **words) {
  if (count < 3) return 64;
  long long ns = atoll(words[1]);
  long long seconds = ns / 1000000000LL, rest = ns % 1000000000LL;
  if (rest < 0) seconds -= 1, rest += 1000000000LL;
  if (unshare(CLONE_NEWTIME) != 0) return perror("unshare"), 65;
  FILE *file = fopen("/proc/self/timens_offsets", "w");
  if (!file) return perror("timens_offsets"), 66;
  fprintf(file, "monotonic %lld %lld\nboottime %lld %lld\n", seconds, rest, seconds, rest);
  if (fclose(file) != 0) return perror("timens_offsets"), 67;
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(words[2], words + 2);
    perror(words[2]);
    _exit(127);
  }
  signal(SIGTERM, forward);
  signal(SIGINT, forward);
  int status;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
