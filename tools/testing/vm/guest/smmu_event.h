/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of an SMMUv3, as a queue of a virtual IOMMU hands them to a guest. Sections are those
 * of the Arm System Memory Management Unit Architecture Specification, SMMU architecture
 * version 3 (IHI 0070).
 */
#ifndef GUEST_SMMU_EVENT_H
#define GUEST_SMMU_EVENT_H

#include <endian.h>
#include <errno.h>
#include <linux/iommufd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Numbers (7.3) */
enum smmu_event_number {
	SMMU_C_BAD_STE		= 0x04,
	SMMU_C_BAD_CD		= 0x0a,
	SMMU_F_TRANSLATION	= 0x10,
	SMMU_F_ADDR_SIZE	= 0x11,
	SMMU_F_ACCESS		= 0x12,
	SMMU_F_PERMISSION	= 0x13,
};

/* The translation of the input address itself, not of a descriptor (7.3.13) */
#define SMMU_CLASS_IN	2

struct smmu_event {
	uint32_t sequence;
	bool lost;	/* there is nothing but a number */
	uint8_t number;
	bool ssv, stall, rnw, s2;
	uint8_t class;
	uint32_t sid;
	uint64_t addr;
	uint64_t ipa;	/* or the address of a structure */
};

struct smmu_record {
	struct iommufd_vevent_header header;
	struct iommu_vevent_arm_smmuv3 event;
};

static inline void smmu_event_decode(struct smmu_event *event, const struct smmu_record *record)
{
	uint64_t word0 = le64toh(record->event.evt[0]), word1 = le64toh(record->event.evt[1]);

	*event = (struct smmu_event){
		.sequence = record->header.sequence,
		.number = word0 & 0xff,
		.ssv = word0 >> 11 & 1,
		.sid = word0 >> 32,
		.stall = word1 >> 31 & 1,
		.rnw = word1 >> 35 & 1,
		.s2 = word1 >> 39 & 1,
		.class = word1 >> 40 & 3,
		.addr = le64toh(record->event.evt[2]),
		.ipa = le64toh(record->event.evt[3]),
	};
}

/* Returns 1 for an event, 0 if none came in this time, or a negative errno */
static inline int smmu_event_read(int queue, struct smmu_event *event, int wait_ms)
{
	struct pollfd readable = { .fd = queue, .events = POLLIN };
	struct smmu_record record;
	ssize_t got;

	if (poll(&readable, 1, wait_ms) != 1)
		return 0;
	got = read(queue, &record, sizeof(record));
	if (got < 0)
		return -errno;
	if (got == sizeof(record) && !record.header.flags) {
		smmu_event_decode(event, &record);
		return 1;
	}
	if (got != sizeof(record.header) ||
	    record.header.flags != IOMMU_VEVENTQ_FLAG_LOST_EVENTS)
		return got ? -EBADMSG : 0;
	*event = (struct smmu_event){ .sequence = record.header.sequence, .lost = true };
	return 1;
}

static inline void smmu_event_print(const struct smmu_event *event)
{
	if (event->lost) {
		printf("# events up to %u are lost\n", event->sequence);
		return;
	}
	printf("# event %u: number %#x stream %#x %s of %#llx\n", event->sequence,
	       event->number, event->sid, event->rnw ? "read" : "write",
	       (unsigned long long)event->addr);
	printf("#   class %u s2 %d stall %d ssv %d last word %#llx\n", event->class, event->s2,
	       event->stall, event->ssv, (unsigned long long)event->ipa);
}

#endif
