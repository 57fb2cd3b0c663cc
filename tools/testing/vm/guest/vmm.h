/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU in the test machine: start it, read its guest's console, give it commands
 * (QMP), end it. What the archive of the VMM holds is in vmtest/vmm.py.
 *
 * No call has a time limit: the end of the VMM ends each wait, and the time
 * limit of the case everything.
 */
#ifndef GUEST_VMM_H
#define GUEST_VMM_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define VMM_QMP		"/tmp/qmp"
#define VMM_SAYS	"guest: "
#define VMM_TEXT_BYTES	(1u << 20)

/* Text that came from the VMM, and how much of it was looked at. */
struct vmm_text {
	int fd;
	size_t len, seen, shown;
	char text[VMM_TEXT_BYTES];
};

struct vmm {
	pid_t pid;
	int commands;
	struct vmm_text console;	/* of the guest, and complaints of the VMM */
	struct vmm_text qmp;
};

/* One of QMP's two pipes. */
static inline int vmm_pipe(const char *path)
{
	unlink(path);
	if (mkfifo(path, 0600))
		return -errno;
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

#ifdef __aarch64__
/* The processor's own virtualization; an SMMU is described by ACPI alone */
#define VMM_MACHINE	"-M", "virt,gic-version=3,its=on", "-cpu", "host", "-m", "256M", \
			"-accel", "kvm", "-bios", "/vmm/share/QEMU_EFI.fd"
#define VMM_APPEND	"console=ttyAMA0 iommu.passthrough=0 iommu.strict=1"
#else
#define VMM_MACHINE	"-M", "pc,hpet=off", "-cpu", "qemu64", "-m", "96M", \
			"-accel", "tcg,tb-size=64"
#define VMM_APPEND	"console=ttyS0 no_timer_check"
#endif

/* Arguments for each start; those of the door and the device follow. */
static const char *const vmm_command[] = {
	"/vmm/ld.so", "--argv0", "/vmm/qemu", "--library-path", "/vmm/lib", "/vmm/qemu",
	"-L", "/vmm/share", VMM_MACHINE, "-nodefaults", "-no-user-config", "-no-reboot",
	"-display", "none", "-serial", "stdio",
	"-chardev", "pipe,id=qmp,path=" VMM_QMP, "-mon", "chardev=qmp,mode=control",
	"-kernel", "/vmm/kernel", "-initrd", "/vmm/initrd", "-append",
	/* Slow as it is, nothing in it has a time limit. */
	VMM_APPEND " panic=-1 rcupdate.rcu_cpu_stall_suppress=1 nvme_core.io_timeout=3600 nvme_core.admin_timeout=3600",
};

#define VMM_WORDS	(sizeof(vmm_command) / sizeof(vmm_command[0]))
#define VMM_MAX_MORE	8

static inline void vmm_exec(int console, const char *const *more)
{
	const char *words[VMM_WORDS + VMM_MAX_MORE + 1] = { NULL };
	unsigned int nr;

	memcpy(words, vmm_command, sizeof(vmm_command));
	for (nr = 0; more[nr] && nr < VMM_MAX_MORE; nr++)
		words[VMM_WORDS + nr] = more[nr];
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(console, STDOUT_FILENO);
	dup2(console, STDERR_FILENO);
	setenv("QEMU_MODULE_DIR", "/vmm/modules", 1);
	execv(words[0], (char **)words);
	_exit(127);
}

/* Start a VMM with these arguments too, a list that ends in NULL. */
static inline int vmm_start(struct vmm *vmm, const char *const *more)
{
	int ends[2];

	memset(vmm, 0, sizeof(*vmm));
	vmm->commands = vmm_pipe(VMM_QMP ".in");
	vmm->qmp.fd = vmm_pipe(VMM_QMP ".out");
	if (vmm->commands < 0 || vmm->qmp.fd < 0 || pipe2(ends, O_CLOEXEC))
		return -EIO;
	vmm->pid = fork();
	if (!vmm->pid)
		vmm_exec(ends[1], more);
	close(ends[1]);
	vmm->console.fd = ends[0];
	return vmm->pid < 0 ? -EAGAIN : 0;
}

/* Take what there is to read, with a copy for the log; false at the end. */
static inline bool vmm_text_read(struct vmm_text *text)
{
	ssize_t got;

	if (text->len == sizeof(text->text) - 1)
		return false;
	got = read(text->fd, text->text + text->len, sizeof(text->text) - 1 - text->len);
	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	if (write(STDERR_FILENO, text->text + text->len, got) < 0)
		return false;
	text->len += got;
	text->text[text->len] = '\0';
	return true;
}

/* The words after what was looked at before, as soon as they end a line. */
static inline const char *vmm_text_find(struct vmm_text *text, const char *words)
{
	const char *found = strstr(text->text + text->seen, words);
	const char *end = found ? strchr(found, '\n') : NULL;

	if (!end)
		return NULL;
	text->seen = end - text->text;
	return found;
}

/* What the guest says with these words is for the log of results, too */
static inline void vmm_text_show(struct vmm_text *text)
{
	const char *at = text->text + text->shown, *end;

	for (; (end = strchr(at, '\n')); at = end + 1)
		if (!strncmp(at, VMM_SAYS, strlen(VMM_SAYS)))
			printf("# %.*s\n", (int)strcspn(at, "\r\n"), at);
	text->shown = at - text->text;
	fflush(stdout);
}

/*
 * Wait until these words come from the guest's console or from QMP, and return
 * where they stand; NULL when the VMM ends first.
 */
static inline const char *vmm_wait(struct vmm *vmm, struct vmm_text *text, const char *words)
{
	struct pollfd polled[] = {
		{ .fd = vmm->console.fd, .events = POLLIN },
		{ .fd = vmm->qmp.fd, .events = POLLIN },
	};
	const char *found;
	bool more = true;

	while (!(found = vmm_text_find(text, words)) && more) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (polled[1].revents)
			more = vmm_text_read(&vmm->qmp);
		if (polled[0].revents)
			more = vmm_text_read(&vmm->console) && more;
		vmm_text_show(&vmm->console);
	}
	return found;
}

/* Have a command done; false if the VMM calls it an error. */
static inline bool vmm_command_done(struct vmm *vmm, const char *command)
{
	const char *answer;

	if (write(vmm->commands, command, strlen(command)) < 0)
		return false;
	answer = vmm_wait(vmm, &vmm->qmp, "{\"");
	while (answer && strncmp(answer, "{\"return\"", 9) && strncmp(answer, "{\"error\"", 8))
		answer = vmm_wait(vmm, &vmm->qmp, "{\"");
	return answer && !strncmp(answer, "{\"return\"", 9);
}

static inline bool vmm_runs(const struct vmm *vmm)
{
	return !waitpid(vmm->pid, NULL, WNOHANG);
}

/* Does the VMM have the device node at this path open? */
static inline bool vmm_holds(const struct vmm *vmm, const char *path)
{
	char folder[32], name[sizeof(folder) + 256];
	struct stat wanted, held;
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", vmm->pid);
	dir = opendir(folder);
	if (!dir || stat(path, &wanted))
		return false;
	while (!found && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		found = !stat(name, &held) && S_ISCHR(held.st_mode) &&
			held.st_rdev == wanted.st_rdev;
	}
	closedir(dir);
	return found;
}

/* Kill the VMM; true if that is what ended it. */
static inline bool vmm_kill(struct vmm *vmm)
{
	int status = 0;

	kill(vmm->pid, SIGKILL);
	while (waitpid(vmm->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

#endif
