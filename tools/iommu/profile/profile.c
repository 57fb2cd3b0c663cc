// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plugin of QEMU's TCG: counts the instructions that a guest of one processor
 * runs between two marks, by address. The marks are instructions without effect
 * that the program measured has around each operation, see clock.h.
 *
 *   qemu-system-x86_64 ... -plugin profile.so,out=FILE
 *
 * At the end FILE holds "marks N", the number of operations, and a line
 * "ADDRESS INSTRUCTIONS" for each translated block that ran.
 *
 * Blocks count themselves all the time, which is cheap; a mark looks at all of
 * them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api.h"

#define NR_LISTS	65536

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API_VERSION;

struct block {
	struct block *next_of_list, *next;
	uint64_t address, nr_insns;
	uint64_t count;			/* instructions so far */
	uint64_t before;		/* count at the last mark that began */
	uint64_t between;		/* instructions between marks */
};

static struct block *lists[NR_LISTS], *blocks;
static char out[4096] = "profile.out";
static uint64_t nr_marks;
static bool between_marks;

/* A block that is translated again goes on with its count. */
static struct block *find_block(uint64_t address, uint64_t nr_insns)
{
	struct block **list = &lists[(address ^ address >> 16 ^ nr_insns * 40503) % NR_LISTS];
	struct block *block;

	for (block = *list; block; block = block->next_of_list)
		if (block->address == address && block->nr_insns == nr_insns)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	block->address = address;
	block->nr_insns = nr_insns;
	block->next_of_list = *list;
	*list = block;
	block->next = blocks;
	blocks = block;
	return block;
}

static void mark_on(unsigned int cpu, void *data)
{
	struct block *block;

	for (block = blocks; block; block = block->next)
		block->before = block->count;
	between_marks = true;
}

static void mark_off(unsigned int cpu, void *data)
{
	struct block *block;

	if (!between_marks)
		return;
	for (block = blocks; block; block = block->next)
		block->between += block->count - block->before;
	between_marks = false;
	nr_marks++;
}

/* 1: a mark that begins, 0: one that ends, -1: none */
static int is_mark(const struct qemu_plugin_insn *insn)
{
	static const uint8_t x86[] = { 0x0f, 0x1f, 0x84, 0x00 }, tail[] = { 0x50, 0x4f, 0x49 };
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	uint32_t word;

	switch (qemu_plugin_insn_size(insn)) {
	case 8:
		if (memcmp(bytes, x86, sizeof(x86)) || memcmp(bytes + 5, tail, sizeof(tail)))
			return -1;
		return bytes[4] == 1;
	case 4:
		memcpy(&word, bytes, sizeof(word));
		if (word != 0xd289e03f && word != 0xd289e01f)
			return -1;
		return word == 0xd289e03f;
	default:
		return -1;
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr_insns = qemu_plugin_tb_n_insns(tb), i;
	struct qemu_plugin_insn *insn;
	struct block *block;
	int mark;

	block = find_block(qemu_plugin_tb_vaddr(tb), nr_insns);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_INLINE_ADD_U64, &block->count,
						 nr_insns);
	for (i = 0; i < nr_insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		mark = is_mark(insn);
		if (mark >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark ? mark_on : mark_off,
							       PLUGIN_CB_NO_REGS, NULL);
	}
}

static void write_out(qemu_plugin_id_t id, void *data)
{
	FILE *file = fopen(out, "w");
	struct block *block;

	if (!file) {
		perror(out);
		return;
	}
	fprintf(file, "marks %" PRIu64 "\n", nr_marks);
	for (block = blocks; block; block = block->next)
		if (block->between)
			fprintf(file, "%" PRIx64 " %" PRIu64 "\n", block->address, block->between);
	fclose(file);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
				      int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			snprintf(out, sizeof(out), "%s", argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, write_out, NULL);
	return 0;
}
