// SPDX-License-Identifier: GPL-2.0-only
/*
 * DPDK, which knows groups and containers and nothing of iommufd: testpmd takes
 * two network functions whose cables meet, sends packets out of both and passes
 * on what comes in. All of it is DMA that the program has mapped.
 *
 *   dpdk_forward BDF BDF
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pci.h"
#include "lib/tap.h"
#include "lib/vfio_group.h"

#define CONTAINER	"/dev/vfio/vfio"
#define IOMMUFD		"/dev/iommu"
#define PLUGINS		"/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/"
#define NR_PORTS	2
#define ENOUGH		10000	/* 32 are sent at the start, the rest is passed on */

static bool prepare_container(void)
{
	if (!container_is_iommufd() && mount(IOMMUFD, CONTAINER, NULL, MS_BIND, NULL))
		return tap_ok(false, "mount " IOMMUFD " on the container");
	return tap_ok(container_is_iommufd(), "the container is an iommufd");
}

/* Start testpmd; what it prints comes from *console. */
static pid_t start(char **bdf, FILE **console)
{
	const char *const words[] = {
		"/usr/bin/dpdk-testpmd", "--in-memory", "-m", "64",
		"--no-telemetry", "--iova-mode=va", "--lcores", "0,1",
		"-d", PLUGINS "librte_bus_pci.so.23",
		"-d", PLUGINS "librte_mempool_ring.so.23",
		"-d", PLUGINS "librte_net_e1000.so.23",
		"-a", bdf[0], "-a", bdf[1],
		"--", "--total-num-mbufs=4096", "--auto-start", "--tx-first",
		"--stats-period=1", NULL,
	};
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(words[0], (char **)words);
		_exit(127);
	}
	close(ends[1]);
	*console = fdopen(ends[0], "r");
	return pid;
}

/* Read its statistics until both ports have enough; false when it ends first. */
static bool wait_for_packets(FILE *console, unsigned long *received)
{
	unsigned int port = NR_PORTS;
	char line[512], *at;

	while (fgets(line, sizeof(line), console)) {
		fputs(line, stderr);
		at = strstr(line, "NIC statistics for port ");
		if (at)
			port = strtoul(at + strlen("NIC statistics for port "), NULL, 10);
		at = strstr(line, "RX-packets: ");
		if (at && port < NR_PORTS)
			received[port] = strtoul(at + strlen("RX-packets: "), NULL, 10);
		if (received[0] > ENOUGH && received[1] > ENOUGH)
			return true;
	}
	return false;
}

static void test_forward(char **bdf)
{
	unsigned long received[NR_PORTS] = { 0 };
	char line[512];
	FILE *console = NULL;
	int status = -1;
	bool enough;
	pid_t pid;

	pid = start(bdf, &console);
	if (!tap_ok(pid > 0, "start testpmd"))
		return;
	enough = wait_for_packets(console, received);
	tap_ok(enough, "both ports pass packets on (%lu, %lu)", received[0], received[1]);
	kill(pid, SIGINT);
	while (fgets(line, sizeof(line), console))
		fputs(line, stderr);
	fclose(console);
	waitpid(pid, &status, 0);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status), "testpmd ends well (status %#x)",
	       status);
}

int main(int argc, char **argv)
{
	int i;

	if (!tap_ok(argc == 1 + NR_PORTS, "two functions are named"))
		return tap_end();
	for (i = 0; i < NR_PORTS; i++)
		if (!tap_ok(!pci_bind(argv[1 + i], "vfio-pci"), "vfio-pci has %s", argv[1 + i]))
			return tap_end();
	chmod("/", 0755);	/* it loads nothing from where anybody can write */
	mkdir("/var", 0755);
	mkdir("/var/run", 0755);
	if (prepare_container())
		test_forward(argv + 1);
	for (i = 0; i < NR_PORTS; i++)
		pci_bind(argv[1 + i], "");
	return tap_end();
}
