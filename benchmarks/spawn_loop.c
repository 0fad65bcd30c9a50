/* The yardstick of throughput: starts a program again and again, and does nothing else.
 *
 * spawn_loop PARENTS RUNS PROGRAM [ARGUMENT...]: each of PARENTS processes starts its share of RUNS with
 * posix_spawn, one after the other, output to /dev/null, and waits for each. Fails when a run does.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn_all(int runs, char **command) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (int run = 0; run < runs; run++) {
        pid_t child;
        int status;
        if (posix_spawnp(&child, command[0], &actions, NULL, command, environ) != 0) return 1;
        if (waitpid(child, &status, 0) != child || status != 0) return 1;
    }
    return 0;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    int parents = atoi(words[1]), runs = atoi(words[2]), failed = 0, status;
    for (int parent = 0; parent < parents; parent++)
        if (fork() == 0) _exit(spawn_all(runs / parents + (parent < runs % parents), words + 3));
    while (wait(&status) > 0) failed |= status;
    return failed != 0;
}
