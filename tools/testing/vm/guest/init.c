// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of a test machine: sets it up, runs the programs named on
 * the kernel command line after "--" (";" parts them) with their output on the
 * result channel, reports leaks of memory to the console and turns it off.
 *
 * A byte that comes in on the channel asks for the stacks of all tasks, those that
 * are blocked first, on the console.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* The result channel is QEMU's pci-serial. */
#define CHANNEL_VENDOR	"0x1b36"
#define CHANNEL_DEVICE	"0x0002"

/* As many as any kernel takes: one with CONFIG_BASE_SMALL has only 4096 of its own */
#define PID_MAX		"32768"

#define SYSRQ		"/proc/sysrq-trigger"

/* Rows of the runner among those of the kernel, in their order */
#define KMSG		"/dev/kmsg"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
/* kmemleak reports no object younger than five seconds. */
#define KMEMLEAK_AGE	6

/* Words NAME=value of the kernel's command line that are for the programs */
#define FOR_PROGRAMS	"IOMMUFD_"
#define MAX_WORDS	16

static const char *environment[MAX_WORDS] = {
	"PATH=/bin", "HOME=/tmp", "TERM=dumb", "IOMMUFD_TEST_NO_SKIP=1", NULL
};

static void mount_one(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		fprintf(stderr, "init: mount %s: %s\n", where, strerror(errno));
}

/* First line of a file, without its end of line; empty when unreadable. */
static void read_word(const char *path, char *buf, size_t len)
{
	FILE *file = fopen(path, "r");

	buf[0] = '\0';
	if (!file)
		return;
	if (!fgets(buf, len, file))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
}

static int is_channel(const char *tty)
{
	char path[300], word[32];

	snprintf(path, sizeof(path), "/sys/class/tty/%s/device/vendor", tty);
	read_word(path, word, sizeof(word));
	if (strcmp(word, CHANNEL_VENDOR))
		return 0;
	snprintf(path, sizeof(path), "/sys/class/tty/%s/device/device", tty);
	read_word(path, word, sizeof(word));
	return !strcmp(word, CHANNEL_DEVICE);
}

/* Open the result channel with all processing of characters off. */
static int open_channel(void)
{
	struct dirent *entry;
	struct termios tio;
	char path[300];
	int fd = -1;
	DIR *dir;

	dir = opendir("/sys/class/tty");
	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (!is_channel(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NOCTTY);
	}
	if (dir)
		closedir(dir);
	if (fd >= 0 && !tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(fd, TCSANOW, &tio);
	}
	return fd;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), len = strlen(text), done;

	if (fd < 0)
		return -1;
	done = write(fd, text, len);
	close(fd);
	return done == len ? 0 : -1;
}

/* Write a row on the console, with the time and in order with the kernel's own. */
static void mark_console(const char *row)
{
	char text[300];

	snprintf(text, sizeof(text), "<5>%s\n", row);
	write_text(KMSG, text);
}

/* A process of its own, for this one waits for the program that does not end. */
static void start_stacks(int channel)
{
	char byte;

	if (fork())
		return;
	while (read(channel, &byte, 1) == 1) {
		if (write_text(SYSRQ, "w") || write_text(SYSRQ, "t"))
			fprintf(stderr, "init: %s: %s\n", SYSRQ, strerror(errno));
		dprintf(channel, "\n@stacks\n");
		tcdrain(channel);
	}
	_exit(0);
}

/* Run one program and say on the channel when it begins and how it ended. */
static void run_program(int channel, char **argv)
{
	int status = 0, code;
	char row[200];
	pid_t pid;

	pid = fork();
	if (!pid) {
		snprintf(row, sizeof(row), "@begin %s %d", argv[0], getpid());
		mark_console(row);
		dprintf(channel, "\n%s\n", row);
		dup2(channel, STDOUT_FILENO);
		execvpe(argv[0], argv, (char **)environment);
		dprintf(channel, "not ok 1 - cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	/* The last line of a program may have no end */
	dprintf(channel, "\n@end %d %s\n", code, argv[0]);
	tcdrain(channel);
}

static void run_all(int channel, int argc, char **argv)
{
	int first = 1, i;

	for (i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], ";"))
			continue;
		argv[i] = NULL;
		if (i > first)
			run_program(channel, &argv[first]);
		first = i + 1;
	}
}

static int kmemleak_scan(void)
{
	return !write_text(KMEMLEAK, "scan");
}

/* Copy kmemleak's report to the console, where the runner looks for it. */
static void report_leaks(void)
{
	char buf[4096];
	ssize_t len;
	int fd;

	if (!kmemleak_scan())
		return;
	mark_console("@leaks");
	sleep(KMEMLEAK_AGE);
	kmemleak_scan();
	fd = open(KMEMLEAK, O_RDONLY);
	while (fd >= 0 && (len = read(fd, buf, sizeof(buf))) > 0)
		if (write(STDERR_FILENO, buf, len) < 0)
			break;
	if (fd >= 0)
		close(fd);
}

static void set_environment(void)
{
	unsigned int nr = 0;
	char **word;

	while (environment[nr])
		nr++;
	for (word = environ; *word && nr < MAX_WORDS - 1; word++)
		if (!strncmp(*word, FOR_PROGRAMS, strlen(FOR_PROGRAMS)))
			environment[nr++] = *word;
	environ = (char **)environment;
}

static void set_up(void)
{
	const struct rlimit core = { 0, 0 };

	setvbuf(stderr, NULL, _IONBF, 0);
	mount_one("proc", "/proc");
	mount_one("sysfs", "/sys");
	mount_one("devtmpfs", "/dev");
	mount_one("tmpfs", "/tmp");
	mount_one("debugfs", "/sys/kernel/debug");
	mount_one("hugetlbfs", "/run");
	setrlimit(RLIMIT_CORE, &core);
	/* A leak is traced to a test by the process, whose number must not come again */
	if (write_text("/proc/sys/kernel/pid_max", PID_MAX))
		fprintf(stderr, "init: pid_max: %s\n", strerror(errno));
	/* Rows of ours are few, and each of them is needed */
	if (write_text("/proc/sys/kernel/printk_devkmsg", "on\n"))
		fprintf(stderr, "init: printk_devkmsg: %s\n", strerror(errno));
	set_environment();
}

int main(int argc, char **argv)
{
	int channel;

	set_up();
	channel = open_channel();
	if (channel < 0) {
		fprintf(stderr, "init: no result channel\n");
	} else {
		start_stacks(channel);
		run_all(channel, argc, argv);
		report_leaks();
		dprintf(channel, "@done\n");
		tcdrain(channel);
	}
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
