// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the random tester on PASIDs and page faults: a device of its own in each
 * worker, what its PASIDs are attached to, and which groups of page requests wait where.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

/* A page table that PASIDs must not be on */
#define PLAIN		(PASID_TABLES - 1)
#define NOWHERE		((void *)PAGE_BYTES)
#define MAX_RECORDS	6
#define RECORD		sizeof(struct iommu_hwpt_pgfault)
#define UNKNOWN_CODE	2

static bool for_pasids(int table)
{
	return table != PLAIN;
}

/* Queue that requests go to which are made under a page table; -1: there is none. */
static int queue_of(int table)
{
	return table >= 0 && table < QUEUES ? table : -1;
}

static bool any_pasid(const struct pasids *p)
{
	unsigned int i;

	for (i = 1; i < POINTS; i++)
		if (p->at[i] >= 0)
			return true;
	return false;
}

/* Remove groups of a point or of a queue, -1 for any, which the kernel has answered. */
static void end_groups(struct pasids *p, int point, int queue)
{
	unsigned int i, left = 0;

	for (i = 0; i < p->nr_groups; i++) {
		if ((point < 0 || p->groups[i].point == (unsigned int)point) &&
		    (queue < 0 || p->groups[i].queue == queue))
			p->nr_invalid++;
		else
			p->groups[left++] = p->groups[i];
	}
	p->nr_groups = left;
}

static int table_alloc(struct worker *w, unsigned int table)
{
	struct pasids *p = &w->pasids;
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .dev_id = p->dev, .pt_id = p->ioas,
		.flags = for_pasids(table) ? IOMMU_HWPT_ALLOC_PASID : 0,
	};
	int err;

	if (queue_of(table) >= 0) {
		arg.flags |= IOMMU_HWPT_FAULT_ID_VALID;
		arg.fault_id = p->fault[table];
	}
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_ALLOC, &arg);
	p->tables[table] = arg.out_hwpt_id;
	return err;
}

static int make(struct worker *w)
{
	struct pasids *p = &w->pasids;
	struct mock_ids ids;
	unsigned int i;
	int err;

	err = ioas_alloc(w->shared->fd, &p->ioas);
	if (!err)
		err = mock_domain(w->shared->fd, p->ioas, MOCK_FLAGS_DEVICE_PASID, &ids);
	if (err)
		return err;
	p->stdev = ids.stdev;
	p->dev = ids.dev;
	for (i = 0; i < QUEUES; i++) {
		p->queue[i] = fault_queue_alloc(w->shared->fd, &p->fault[i]);
		if (p->queue[i] < 0)
			return p->queue[i];
	}
	for (i = 0; i < PASID_TABLES && !err; i++)
		err = table_alloc(w, i);
	return err ? err : mock_replace(w->shared->fd, p->stdev, &(uint32_t){ p->tables[0] });
}

static void step_make(struct worker *w)
{
	struct pasids *p = &w->pasids;
	unsigned int i;

	if (p->live || !w->shared->has_mock)
		return;
	worker_note(w, -1, "a device with PASIDs");
	memset(p, 0, sizeof(*p));
	for (i = 0; i < QUEUES; i++)
		p->queue[i] = -1;
	p->live = true;
	if (!worker_expect(w, make(w), 0, "a device with PASIDs"))
		return;
	p->at[0] = 0;
	for (i = 1; i < POINTS; i++)
		p->at[i] = -1;
	w->worked++;
}

static void step_destroy(struct worker *w)
{
	struct pasids *p = &w->pasids;
	const int fd = w->shared->fd;
	unsigned int i;

	if (!p->live)
		return;
	worker_note(w, -1, "destroy the device with PASIDs");
	worker_expect(w, object_destroy(fd, p->stdev), 0, "destroy of a device with PASIDs");
	for (i = 0; i < PASID_TABLES; i++)
		worker_expect(w, object_destroy(fd, p->tables[i]), 0, "destroy of its tables");
	for (i = 0; i < QUEUES; i++) {
		if (p->queue[i] >= 0) {
			worker_expect(w, object_destroy(fd, p->fault[i]), -EBUSY,
				      "destroy of an open queue");
			close(p->queue[i]);
		}
		worker_expect(w, object_destroy(fd, p->fault[i]), 0, "destroy of a queue");
	}
	worker_expect(w, object_destroy(fd, p->ioas), 0, "destroy of its address space");
	p->live = false;
	w->worked++;
}

/* Their descriptors keep the whole context. */
void worker_forget_pasids(struct worker *w)
{
	unsigned int i;

	for (i = 0; w->pasids.live && i < QUEUES; i++)
		if (w->pasids.queue[i] >= 0)
			close(w->pasids.queue[i]);
	memset(&w->pasids, 0, sizeof(w->pasids));
}

static int attach_wants(const struct pasids *p, unsigned int point, unsigned int table)
{
	if (!for_pasids(table) || !for_pasids(p->at[0]))
		return -EINVAL;
	return p->at[point] >= 0 ? -EBUSY : 0;
}

static void step_attach(struct worker *w)
{
	const unsigned int point = 1 + worker_below(w, POINTS - 1);
	const unsigned int table = worker_below(w, PASID_TABLES);
	struct pasids *p = &w->pasids;
	uint32_t pt_id = p->tables[table];
	int err;

	if (!p->live)
		return;
	worker_note(w, -1, "attach PASID %u to %u", point, table);
	err = mock_pasid_attach(w->shared->fd, p->stdev, point, &pt_id);
	if (worker_expect(w, err, attach_wants(p, point, table), "PASID_ATTACH") && !err)
		p->at[point] = table;
	w->worked++;
}

static int replace_wants(const struct pasids *p, unsigned int point, unsigned int table)
{
	if (point)
		return p->at[point] >= 0 && for_pasids(table) ? 0 : -EINVAL;
	return for_pasids(table) || !any_pasid(p) ? 0 : -EINVAL;
}

/* Of a PASID, or of the requester ID */
static void step_replace(struct worker *w)
{
	const unsigned int point = worker_below(w, POINTS), table = worker_below(w, PASID_TABLES);
	struct pasids *p = &w->pasids;
	uint32_t pt_id = p->tables[table];
	int err;

	if (!p->live)
		return;
	worker_note(w, -1, "replace of point %u by %u", point, table);
	if (point)
		err = mock_pasid_replace(w->shared->fd, p->stdev, point, &pt_id);
	else
		err = mock_replace(w->shared->fd, p->stdev, &pt_id);
	w->worked++;
	if (!worker_expect(w, err, replace_wants(p, point, table), "a replace") || err)
		return;
	/* To where it is, it is none */
	if (p->at[point] != (int)table)
		end_groups(p, point, -1);
	p->at[point] = table;
}

static void step_detach(struct worker *w)
{
	const unsigned int point = 1 + worker_below(w, POINTS - 1);
	struct pasids *p = &w->pasids;

	if (!p->live)
		return;
	worker_note(w, -1, "detach PASID %u", point);
	worker_expect(w, mock_pasid_detach(w->shared->fd, p->stdev, point), 0, "PASID_DETACH");
	end_groups(p, point, -1);
	p->at[point] = -1;
	w->worked++;
}

/* What is refused whatever the device is on, and changes nothing */
static int refused_call(struct worker *w, unsigned int kind)
{
	const unsigned int point = 1 + worker_below(w, POINTS - 1);
	struct pasids *p = &w->pasids;
	uint32_t pt_id = p->tables[0], ioas = p->ioas;
	const int fd = w->shared->fd;

	switch (kind) {
	case 0:
		return mock_pasid_attach(fd, p->stdev, 0, &pt_id);
	case 1:
		return mock_pasid_attach(fd, p->stdev, 1U << MOCK_PASID_WIDTH, &pt_id);
	case 2:
		return mock_pasid_replace(fd, p->stdev, 0, &pt_id);
	case 3:
		return mock_pasid_detach(fd, p->stdev, 0);
	case 4:
		return mock_pasid_replace(fd, p->stdev, point, &ioas);
	default:
		return mock_pasid_replace(fd, p->stdev, UINT32_MAX, &pt_id);
	}
}

static void step_refused(struct worker *w)
{
	const unsigned int kind = worker_below(w, 6);

	if (!w->pasids.live)
		return;
	worker_note(w, -1, "a call of PASIDs that is refused, kind %u", kind);
	worker_expect(w, refused_call(w, kind), -EINVAL, "a bad number or page table");
	w->worked++;
}

/* Queues have no position, and no half records */
static void step_seek(struct worker *w)
{
	const int queue = worker_below(w, QUEUES);
	struct iommu_hwpt_pgfault record;
	struct pasids *p = &w->pasids;
	ssize_t got;

	if (!p->live || p->queue[queue] < 0)
		return;
	worker_note(w, -1, "misuse queue %d", queue);
	if (worker_chance(w, 50))
		got = pread(p->queue[queue], &record, RECORD, 0);
	else
		got = read(p->queue[queue], &record, RECORD - 1);
	worker_expect(w, got < 0 ? -errno : (int)got, -ESPIPE, "a read at a place, or of a part");
	w->worked++;
}

/* Each request has an address of its own */
static uint64_t request_addr(unsigned int group, unsigned int index)
{
	return (uint64_t)group << 20 | index << 12;
}

static unsigned int nr_waiting(const struct pasids *p)
{
	unsigned int i, nr = 0;

	for (i = 0; i < p->nr_groups; i++)
		nr += p->groups[i].nr;
	return nr;
}

/* So few are open that no attachment has used up its share */
static void step_request(struct worker *w)
{
	const unsigned int point = worker_below(w, POINTS), nr = 1 + worker_below(w, 3);
	struct pasids *p = &w->pasids;
	int queue, err = 0;
	unsigned int i;

	if (!p->live || nr_waiting(p) + nr > MAX_WAITING)
		return;
	queue = queue_of(p->at[point]);
	p->last_group++;
	worker_note(w, -1, "%u requests of point %u, group %u", nr, point, p->last_group);
	for (i = 1; i < nr && !err; i++)
		err = mock_partial_request(w->shared->fd, p->dev, point, p->last_group,
					   request_addr(p->last_group, i));
	if (!err)
		err = mock_page_request(w->shared->fd, p->dev, point, p->last_group,
					request_addr(p->last_group, nr));
	worker_expect(w, err, 0, "page requests");
	w->worked++;
	if (queue < 0 || p->queue[queue] < 0) {
		p->nr_invalid++;
		return;
	}
	p->groups[p->nr_groups++] = (struct waiting){
		.point = point, .queue = queue, .nr = nr, .id = p->last_group,
	};
}

/* What a read of so many records takes; their number, or a negative errno */
static int read_wants(const struct pasids *p, int queue, unsigned int room)
{
	unsigned int i, taken = 0;

	for (i = 0; i < p->nr_groups; i++) {
		if (p->groups[i].queue != queue || p->groups[i].read)
			continue;
		if (taken + p->groups[i].nr > room)
			return taken ? (int)taken : -EINVAL;
		taken += p->groups[i].nr;
	}
	return taken;
}

static uint32_t flags_of(const struct waiting *group, unsigned int record)
{
	return (group->point ? IOMMU_PGFAULT_FLAGS_PASID_VALID : 0) |
	       (record == group->nr - 1 ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0);
}

/* Compare the records with the model, group by group, and note the numbers. */
static void take_records(struct worker *w, int queue, const struct iommu_hwpt_pgfault *records,
			 unsigned int nr)
{
	struct pasids *p = &w->pasids;
	struct waiting *group;
	unsigned int i, j, at = 0;

	for (i = 0; i < p->nr_groups && at < nr; i++) {
		group = &p->groups[i];
		if (group->queue != queue || group->read)
			continue;
		for (j = 0; j < group->nr; j++, at++) {
			worker_expect(w, records[at].grpid, group->id, "group of a page fault");
			worker_expect(w, records[at].pasid, group->point, "PASID of a page fault");
			worker_expect(w, records[at].flags, flags_of(group, j),
				      "flags of a page fault");
			worker_expect(w, records[at].dev_id, p->dev, "device of a page fault");
			worker_expect(w, records[at].addr == request_addr(group->id, j + 1), 1,
				      "address of a page fault");
			worker_expect(w, records[at].perm, IOMMU_PGFAULT_PERM_READ |
				      IOMMU_PGFAULT_PERM_WRITE, "access of a page fault");
			worker_expect(w, records[at].cookie, records[at - j].cookie,
				      "number of a group");
		}
		group->cookie = records[at - 1].cookie;
		group->read = true;
	}
}

static void step_read(struct worker *w)
{
	const unsigned int room = 1 + worker_below(w, MAX_RECORDS);
	const int queue = worker_below(w, QUEUES);
	const bool nowhere = worker_chance(w, 15);
	struct iommu_hwpt_pgfault records[MAX_RECORDS] = {};
	struct pasids *p = &w->pasids;
	int wanted;
	ssize_t got;

	if (!p->live || p->queue[queue] < 0)
		return;
	wanted = read_wants(p, queue, room);
	worker_note(w, -1, "read %u of queue %d%s", room, queue, nowhere ? ", nowhere" : "");
	got = read(p->queue[queue], nowhere ? NOWHERE : records, room * RECORD);
	w->worked++;
	if (nowhere && wanted > 0)
		wanted = -EFAULT;
	if (worker_expect(w, got < 0 ? -errno : got, wanted < 0 ? wanted : wanted * (int)RECORD,
			  "read of a fault queue") && wanted > 0)
		take_records(w, queue, records, wanted);
}

static void step_answer(struct worker *w)
{
	struct iommu_hwpt_page_response answer = { .code = worker_below(w, UNKNOWN_CODE) };
	const bool unknown = worker_chance(w, 15);
	struct pasids *p = &w->pasids;
	struct waiting *group;
	unsigned int at;
	ssize_t got;

	if (!p->live || !p->nr_groups)
		return;
	at = worker_below(w, p->nr_groups);
	group = &p->groups[at];
	if (unknown)
		answer.code = UNKNOWN_CODE;
	/* One that was not read has no number; 0 is none */
	answer.cookie = group->read ? group->cookie : 0;
	worker_note(w, -1, "answer %u to group %u", answer.code, group->id);
	got = write(p->queue[group->queue], &answer, sizeof(answer));
	w->worked++;
	if (!worker_expect(w, got < 0 ? -errno : got,
			   group->read && !unknown ? (int)sizeof(answer) : -EINVAL, "an answer") ||
	    got < 0)
		return;
	if (answer.code == IOMMUFD_PAGE_RESP_SUCCESS)
		p->nr_success++;
	else
		p->nr_invalid++;
	memmove(group, group + 1, (--p->nr_groups - at) * sizeof(*group));
}

static void step_close(struct worker *w)
{
	const int queue = worker_below(w, QUEUES);
	struct pasids *p = &w->pasids;

	if (!p->live || p->queue[queue] < 0)
		return;
	worker_note(w, -1, "close queue %d", queue);
	worker_expect(w, close(p->queue[queue]), 0, "close of a queue");
	p->queue[queue] = -1;
	end_groups(p, -1, queue);
	w->worked++;
}

static bool is_used(const struct pasids *p, int table)
{
	unsigned int i;

	for (i = 0; i < POINTS; i++)
		if (p->at[i] == table)
			return true;
	return false;
}

/* A new queue in the place of a closed one, and a page table with it */
static void step_renew(struct worker *w)
{
	const int queue = worker_below(w, QUEUES), fd = w->shared->fd;
	struct pasids *p = &w->pasids;

	if (!p->live || p->queue[queue] >= 0 || is_used(p, queue))
		return;
	worker_note(w, -1, "renew queue %d", queue);
	worker_expect(w, object_destroy(fd, p->fault[queue]), -EBUSY, "destroy of a used queue");
	worker_expect(w, object_destroy(fd, p->tables[queue]), 0, "destroy of a table");
	worker_expect(w, object_destroy(fd, p->fault[queue]), 0, "destroy of a closed queue");
	p->queue[queue] = fault_queue_alloc(fd, &p->fault[queue]);
	worker_expect(w, p->queue[queue] < 0 ? p->queue[queue] : 0, 0, "a new queue");
	worker_expect(w, table_alloc(w, queue), 0, "a new table");
	w->worked++;
}

static void step_check(struct worker *w)
{
	struct pasids *p = &w->pasids;
	struct iommu_test_ext got;
	unsigned int i;

	if (!p->live)
		return;
	worker_note(w, -1, "check what PASIDs are on, and the answers");
	for (i = 1; i < POINTS; i++)
		worker_expect(w, mock_pasid_check(w->shared->fd, p->stdev, i,
						  p->at[i] < 0 ? 0 : p->tables[p->at[i]]),
			      0, "PASID_CHECK_HWPT");
	for (i = 0; i < POINTS; i++)
		if (p->at[i] >= 0)
			worker_expect(w, object_destroy(w->shared->fd, p->tables[p->at[i]]),
				      -EBUSY, "destroy of a table in use");
	worker_expect(w, mock_answers(w->shared->fd, p->stdev, &got), 0, "answers");
	worker_expect(w, got.answers.out_nr_success, p->nr_success, "answers of success");
	worker_expect(w, got.answers.out_nr_invalid, p->nr_invalid, "answers of invalid");
	w->worked++;
}

const struct step worker_pasid_steps[] = {
	{ "device with PASIDs", 3, step_make },
	{ "destroy device with PASIDs", 1, step_destroy },
	{ "attach PASID", 4, step_attach },
	{ "replace PASID", 3, step_replace },
	{ "detach PASID", 2, step_detach },
	{ "refused call of PASIDs", 1, step_refused },
	{ "misuse of a fault queue", 1, step_seek },
	{ "page request", 6, step_request },
	{ "read page faults", 4, step_read },
	{ "answer page fault", 6, step_answer },
	{ "close fault queue", 1, step_close },
	{ "renew fault queue", 4, step_renew },
	{ "check PASIDs", 2, step_check },
	{ }
};
