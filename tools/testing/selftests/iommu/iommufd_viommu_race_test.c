// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs: names of devices, devices, events, queues and mappings that come and go
 * while others use them. At the end everything can be destroyed, each event was read once
 * or counted as lost, and no page is held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "iommufd_race.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define NR_PAGES	4
#define NR_NAMES	4	/* that threads have in common */
#define VIRT_ID		0x50u
#define OWN_ID		(VIRT_ID + NR_NAMES)
#define DEEP		524288u
#define SHALLOW		3u
#define NR_RECORDS	8
#define MAX_EVENTS	(1u << 20)
#define NOWHERE		((void *)PAGE_BYTES)
#define REGION		(2 * PAGE_BYTES)
#define TAG		0x5eed0000u
#define TAG_MASK	0xffff0000u
#define MAX_TRIES	100000

struct record {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest event;
};

/* What was read of a queue of events */
struct events {
	atomic_uint nr_caused;
	atomic_uint nr_read;
	atomic_uint nr_twice;		/* the same number again, or an absurd one */
	atomic_uint nr_backwards;	/* a reader got a smaller number after a larger one */
	atomic_uint nr_foreign;		/* with an ID that no device has */
	atomic_uint end;		/* largest number, of an event or a mark, plus one */
	atomic_uchar is_told[MAX_EVENTS];
};

struct objects {
	struct mock_ids ids;		/* a device that stays */
	uint32_t parent;
	atomic_uint viommu;
	uint32_t nested;		/* 0 in tests that destroy the virtual IOMMU */
	atomic_uint names[NR_NAMES];
	atomic_uint stdev, dev;		/* a device that comes and goes */
	int queue;
	uint32_t queue_id;
	atomic_int second_queue;
	atomic_int nr_second;		/* there is one at most */
	atomic_ullong region;		/* offset of the memory of a virtual IOMMU */
	atomic_uint nr_followed;	/* queues that were made after another */
	atomic_uint nr_mapped;
	struct events events;
};

static int map_page(struct race *race, unsigned int page)
{
	return ioas_map_fixed(race->fd, race->ioas, race->mem + page * PAGE_BYTES, PAGE_BYTES,
			      IOVA + page * PAGE_BYTES);
}

FIXTURE(viommu_race)
{
	struct race race;
	struct objects *objects;
};

FIXTURE_SETUP(viommu_race)
{
	struct race *race = &self->race;
	int fd = iommufd_open();
	struct objects *o;
	unsigned int page;
	uint32_t viommu;

	ASSERT_LE(0, fd);
	if (!mock_present(fd))
		SKIP(return, "a kernel without CONFIG_IOMMUFD_TEST");
	o = calloc(1, sizeof(*o));
	ASSERT_NE(NULL, o);
	self->objects = o;
	o->queue = -1;
	o->second_queue = -1;
	race->fd = fd;
	race->more = o;
	race->mem = page_alloc(NR_PAGES);
	ASSERT_NE(NULL, race->mem);
	ASSERT_EQ(0, ioas_alloc(fd, &race->ioas));
	for (page = 0; page < NR_PAGES; page++)
		ASSERT_EQ(0, map_page(race, page));
	ASSERT_EQ(0, mock_domain(fd, race->ioas, 0, &o->ids));
	ASSERT_EQ(0, nest_parent_alloc(fd, o->ids.dev, race->ioas, &o->parent));
	ASSERT_EQ(0, viommu_alloc(fd, o->ids.dev, o->parent, &viommu));
	o->viommu = viommu;
}

FIXTURE_TEARDOWN(viommu_race)
{
	if (self->objects && self->objects->queue >= 0)
		EXPECT_EQ(0, close(self->objects->queue));
	EXPECT_EQ(0, close(self->race.fd));
	free(self->objects);
}

/* An errno that only some calls have when they lose */
static int loses(int err, int also)
{
	return err == -also ? -EBUSY : err;
}

/* What holds at any time; if not, an errno that is one of no call, so that the race is wrong */
static int must_hold(bool good)
{
	return good ? 0 : -EOWNERDEAD;
}

/* Others have it for a moment */
static int destroy_patiently(int fd, uint32_t id)
{
	unsigned int i;
	int err;

	for (i = 0; i < MAX_TRIES; i++) {
		err = object_destroy(fd, id);
		if (err != -EBUSY)
			return err;
		nap_us(50);
	}
	return -ETIME;
}

/* Names */

/* Name a device by the ID of a slot, or end the name that is there */
static int name(struct race *race, uint32_t dev, unsigned int slot)
{
	struct objects *o = race->more;
	uint32_t id = atomic_exchange(&o->names[slot], 0);
	int err;

	if (id)
		return object_destroy(race->fd, id);
	err = vdevice_alloc(race->fd, o->viommu, dev, VIRT_ID + slot, &id);
	if (err)
		return err;
	id = atomic_exchange(&o->names[slot], id);
	return id ? object_destroy(race->fd, id) : 0;
}

static int step_name(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;

	return name(race, turn % 3 ? o->ids.dev : o->dev, turn % NR_NAMES);
}

/* The device may be unbound at any point of it */
static int step_name_other(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;

	return name(race, o->dev, turn % NR_NAMES);
}

/* The device that others name: it comes, and goes at any point of what they do */
static int step_device(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	uint32_t stdev = atomic_exchange(&o->stdev, 0);
	struct mock_ids ids;
	int err;

	if (stdev)
		return object_destroy(race->fd, stdev);
	err = mock_domain(race->fd, race->ioas, 0, &ids);
	if (err)
		return err;
	o->dev = ids.dev;
	stdev = atomic_exchange(&o->stdev, ids.stdev);
	if (turn % 8 == 0)
		nap_us(1000);
	return stdev ? object_destroy(race->fd, stdev) : 0;
}

/* With the device its name goes, and the number of that is not given again */
static int step_lose_name(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	struct mock_ids ids;
	uint32_t id;
	int err, named;

	err = mock_domain(race->fd, race->ioas, 0, &ids);
	if (err)
		return err;
	named = vdevice_alloc(race->fd, o->viommu, ids.dev, OWN_ID, &id);
	err = object_destroy(race->fd, ids.stdev);
	if (err || named)
		return err ? err : named;
	return must_hold(object_destroy(race->fd, id) == -ENOENT);
}

/* Requests about all names; some are there and some not */
static int step_invalidate(struct race *race, unsigned int turn)
{
	struct iommu_viommu_invalidate_selftest requests[NR_NAMES + 1] = {};
	struct objects *o = race->more;
	uint32_t nr = NR_NAMES + 1, i;
	int err;

	for (i = 0; i < nr; i++) {
		requests[i].vdev_id = VIRT_ID + (turn + i) % nr;
		requests[i].cache_id = turn % MOCK_DEV_CACHE_NUM;
		requests[i].flags = turn % 3 ? 0 : IOMMU_TEST_INVALIDATE_FLAG_ALL;
	}
	err = viommu_invalidate(race->fd, o->viommu, requests, sizeof(requests[0]), &nr);
	if (nr > NR_NAMES + 1 || (!err && nr != NR_NAMES + 1))
		return -EOVERFLOW;
	return nr ? 0 : err;
}

static int step_attach(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	uint32_t pt_id = turn % 3 ? o->nested : o->parent;

	return mock_replace(race->fd, o->ids.stdev, &pt_id);
}

/* Events */

static int step_event(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	int err = mock_trigger_vevent(race->fd, o->ids.dev);

	if (!err)
		atomic_fetch_add(&o->events.nr_caused, 1);
	return loses(err, EOPNOTSUPP);
}

/* Of the device that comes and goes; it goes while it is attached */
static int step_event_other(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	uint32_t pt_id = o->nested;
	int err;

	if (turn % 4 == 0)
		mock_replace(race->fd, o->stdev, &pt_id);
	err = mock_trigger_vevent(race->fd, o->dev);
	if (!err)
		atomic_fetch_add(&o->events.nr_caused, 1);
	return loses(err, EOPNOTSUPP);
}

/* An event and a mark never have the same number */
static void note(struct events *events, const struct record *record)
{
	static __thread uint32_t next;
	uint32_t number = record->header.sequence, end = atomic_load(&events->end);

	if (number < next)
		atomic_fetch_add(&events->nr_backwards, 1);
	next = number + 1;
	while (end < next && !atomic_compare_exchange_weak(&events->end, &end, next))
		;
	if (number >= MAX_EVENTS || atomic_exchange(&events->is_told[number], 1))
		atomic_fetch_add(&events->nr_twice, 1);
	if (record->header.flags & IOMMU_VEVENTQ_FLAG_LOST_EVENTS)
		return;
	atomic_fetch_add(&events->nr_read, 1);
	if (record->event.virt_id < VIRT_ID || record->event.virt_id >= OWN_ID)
		atomic_fetch_add(&events->nr_foreign, 1);
}

/* Returns how many bytes there were, or a negative errno */
static ssize_t read_some(struct events *events, int queue, unsigned int room)
{
	const size_t header = sizeof(struct iommufd_vevent_header);
	uint8_t buf[NR_RECORDS * sizeof(struct record)];
	ssize_t len = read(queue, buf, room * sizeof(struct record)), at = 0;
	struct record record;

	if (len < 0)
		return -errno;
	while (at < len) {
		memcpy(&record.header, buf + at, header);
		at += header;
		if (!(record.header.flags & IOMMU_VEVENTQ_FLAG_LOST_EVENTS)) {
			memcpy(&record.event, buf + at, sizeof(record.event));
			at += sizeof(record.event);
		}
		if (events)
			note(events, &record);
	}
	return at == len ? len : -EPROTO;
}

static int step_read(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	ssize_t len = read_some(&o->events, o->queue, 1 + turn % NR_RECORDS);

	return len < 0 ? len : 0;
}

/* Slower than the events come */
static int step_read_seldom(struct race *race, unsigned int turn)
{
	nap_us(turn % 5 * 1000);
	return step_read(race, turn);
}

/* Events are put back all the time */
static int step_read_nowhere(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;

	if (read(o->queue, NOWHERE, sizeof(struct record)) < 0 && errno != EFAULT)
		return -errno;
	return 0;
}

/* A queue from beginning to end, read by another thread, too */
static int step_queue(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	bool is_first;
	int queue, err;
	uint32_t id;

	queue = veventq_alloc(race->fd, o->viommu, 1 + turn % NR_RECORDS, &id);
	if (queue < 0)
		return queue;
	is_first = !atomic_fetch_add(&o->nr_second, 1);
	o->second_queue = queue;
	mock_trigger_vevent(race->fd, o->ids.dev);
	if (turn % 3 == 0)
		nap_us(200);
	if (turn % 3 == 1)
		read_some(NULL, queue, NR_RECORDS);
	o->second_queue = -1;
	close(queue);
	atomic_fetch_sub(&o->nr_second, 1);
	err = destroy_patiently(race->fd, id);
	return err ? err : must_hold(is_first);
}

/* Its number may be that of another descriptor by now, of which there is nothing to read */
static int step_read_second(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	ssize_t len = read_some(NULL, o->second_queue, 1 + turn % NR_RECORDS);

	return len < 0 ? len : 0;
}

/* What is shown of objects may go while it is shown */
static int step_status(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;

	return object_stat(race->fd, o->parent, "ioas") == race->ioas ? 0 : -EPROTO;
}

/* Queues that hardware reads */

/* While there is a queue in a page it is mapped, and one of index 0 is there if it needs that */
static int step_hw_queue(struct race *race, unsigned int turn)
{
	const uint64_t offset = turn / 2 % NR_PAGES * PAGE_BYTES, iova = IOVA + offset;
	struct objects *o = race->more;
	uint32_t viommu = o->viommu, queue, none;
	int err, unmapped, missing, again;
	bool is_there;

	err = hw_queue_alloc(race->fd, viommu, turn % 2, iova, PAGE_BYTES, &queue);
	if (err)
		return loses(err, EIO);
	o->nr_followed += turn % 2;
	unmapped = ioas_unmap(race->fd, race->ioas, iova, PAGE_BYTES, NULL);
	missing = mock_check_map(race->fd, o->parent, iova, PAGE_BYTES, race->mem + offset);
	again = hw_queue_alloc(race->fd, viommu, 0, iova, PAGE_BYTES, &none);
	/* A DESTROY that is about to fail hides the virtual IOMMU until it does */
	is_there = again == -EEXIST || again == -ENOENT;
	err = destroy_patiently(race->fd, queue);
	return err ? err : must_hold(unmapped == -EBUSY && !missing && is_there);
}

static int step_unmap(struct race *race, unsigned int turn)
{
	unsigned int page = turn % NR_PAGES;
	int err = ioas_unmap(race->fd, race->ioas, IOVA + page * PAGE_BYTES, PAGE_BYTES, NULL);

	return err ? err : map_page(race, page);
}

static int step_unmap_all(struct race *race, unsigned int turn)
{
	int err = ioas_unmap_all(race->fd, race->ioas, NULL);
	unsigned int page;

	for (page = 0; !err && page < NR_PAGES; page++)
		err = map_page(race, page);
	return err;
}

/* What the queues are of, too */
static int step_viommu(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	uint32_t id;
	int err;

	err = object_destroy(race->fd, o->viommu);
	if (!err)
		err = viommu_alloc(race->fd, o->ids.dev, o->parent, &id);
	if (!err)
		o->viommu = id;
	return err;
}

/* Mappings */

/* Every other time it is destroyed while others still find it */
static int step_region(struct race *race, unsigned int turn)
{
	struct iommu_viommu_selftest data = { .in_data = TAG | (turn & ~TAG_MASK) };
	struct objects *o = race->more;
	uint32_t id;
	int err;

	err = viommu_alloc_data(race->fd, o->ids.dev, o->parent, &data, &id);
	if (err)
		return err;
	o->region = data.out_mmap_offset;
	nap_us(100);
	if (turn % 2)
		o->region = 0;
	return destroy_patiently(race->fd, id);
}

/* Move a mapping to another place; NULL on failure, which unmaps nothing */
static uint32_t *move(uint32_t *mem)
{
	void *to = mmap(NULL, REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (to == MAP_FAILED)
		return NULL;
	to = mremap(mem, REGION, REGION, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	return to == MAP_FAILED ? NULL : to;
}

/* The memory is that of a virtual IOMMU, and stays the same while it is mapped */
static int step_map(struct race *race, unsigned int turn)
{
	struct objects *o = race->more;
	volatile uint32_t *mem;
	uint32_t word;
	bool good;

	if (!o->region)
		return -ENOENT;
	mem = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, race->fd, o->region);
	if (mem == MAP_FAILED)
		return loses(-errno, ENXIO);
	o->nr_mapped++;
	word = *mem;
	if (turn % 3 == 0) {
		mem = move((uint32_t *)mem);
		if (!mem)
			return -ENOMEM;
	}
	nap_us(turn % 4 * 100);
	good = (word & TAG_MASK) == TAG && *mem == word;
	if (munmap((void *)mem, REGION))
		return -EPROTO;
	return must_hold(good);
}

/* The beginning and the end */

/* The device that stays is on a page table of the virtual IOMMU */
static void set_up_device(struct __test_metadata *_metadata, struct race *race)
{
	struct objects *o = race->more;
	uint32_t id;

	ASSERT_EQ(0, vdevice_alloc(race->fd, o->viommu, o->ids.dev, VIRT_ID, &id));
	o->names[0] = id;
	ASSERT_EQ(0, mock_nested_alloc(race->fd, o->ids.dev, o->viommu, 0, 0, &o->nested));
	id = o->nested;
	ASSERT_EQ(0, mock_replace(race->fd, o->ids.stdev, &id));
}

static void set_up_events(struct __test_metadata *_metadata, struct race *race, uint32_t depth)
{
	struct objects *o = race->more;

	set_up_device(_metadata, race);
	o->queue = veventq_alloc(race->fd, o->viommu, depth, &o->queue_id);
	ASSERT_LE(0, o->queue);
}

/* With what is left each event was read once, or has a larger number behind it, or a mark */
static void expect_all_told(struct __test_metadata *_metadata, struct race *race)
{
	struct objects *o = race->more;
	struct events *events = &o->events;

	while (read_some(events, o->queue, NR_RECORDS) > 0)
		;
	TH_LOG("%u events, %u were read", events->nr_caused, events->nr_read);
	EXPECT_LT(0, events->nr_caused);
	EXPECT_EQ(events->nr_caused, events->end);
	EXPECT_GE(events->nr_caused, events->nr_read);
	EXPECT_EQ(0, events->nr_twice);
	EXPECT_EQ(0, events->nr_foreign);
	EXPECT_EQ(0, object_stat(race->fd, o->queue_id, "waiting"));
}

/* A user that was lost, or one too many, would keep one of these */
static void expect_all_gone(struct __test_metadata *_metadata, struct race *race)
{
	struct objects *o = race->more;
	uint32_t pt_id = o->parent;
	unsigned int i;
	int err;

	EXPECT_EQ(0, mock_replace(race->fd, o->ids.stdev, &pt_id));
	for (i = 0; i < NR_NAMES; i++) {
		err = o->names[i] ? object_destroy(race->fd, o->names[i]) : 0;
		EXPECT_TRUE(!err || err == -ENOENT);
	}
	if (o->stdev)
		EXPECT_EQ(0, object_destroy(race->fd, o->stdev));
	if (o->nested)
		EXPECT_EQ(0, object_destroy(race->fd, o->nested));
	if (o->queue >= 0) {
		EXPECT_EQ(0, close(o->queue));
		EXPECT_EQ(0, object_destroy(race->fd, o->queue_id));
		o->queue = -1;
	}
	EXPECT_EQ(0, object_destroy(race->fd, o->viommu));
	EXPECT_EQ(0, object_destroy(race->fd, o->ids.stdev));
	EXPECT_EQ(0, object_destroy(race->fd, o->parent));
	err = ioas_unmap_all(race->fd, race->ioas, NULL);
	EXPECT_TRUE(!err || err == -ENOENT);
	EXPECT_EQ(0, object_destroy(race->fd, race->ioas));
	EXPECT_EQ(0, mock_check_refs(race->fd, race->mem, NR_PAGES * PAGE_BYTES, 0));
}

TEST_F(viommu_race, names)
{
	static const step_fn steps[] = {
		step_name, step_name, step_name_other, step_device, step_lose_name,
		step_invalidate, step_attach, step_event, step_status,
	};

	set_up_device(_metadata, &self->race);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_gone(_metadata, &self->race);
}

/* There is room for all, and each reader gets them in order */
TEST_F(viommu_race, events_in_order)
{
	static const step_fn steps[] = { step_event, step_event, step_read, step_read };
	struct events *events = &self->objects->events;

	set_up_events(_metadata, &self->race, DEEP);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_told(_metadata, &self->race);
	EXPECT_EQ(0, events->nr_backwards);
	EXPECT_EQ(events->nr_caused, events->nr_read);
	expect_all_gone(_metadata, &self->race);
}

/* One that is put back may be read after a later one */
TEST_F(viommu_race, events_put_back)
{
	static const step_fn steps[] = {
		step_event, step_event, step_read, step_read_nowhere, step_read_nowhere,
	};
	struct events *events = &self->objects->events;

	set_up_events(_metadata, &self->race, DEEP);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_told(_metadata, &self->race);
	EXPECT_EQ(events->nr_caused, events->nr_read);
	expect_all_gone(_metadata, &self->race);
}

TEST_F(viommu_race, events_lost)
{
	static const step_fn steps[] = {
		step_event, step_event, step_read_seldom, step_read_seldom,
	};
	struct events *events = &self->objects->events;

	set_up_events(_metadata, &self->race, SHALLOW);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_told(_metadata, &self->race);
	EXPECT_EQ(0, events->nr_backwards);
	EXPECT_LT(events->nr_read, events->nr_caused);
	expect_all_gone(_metadata, &self->race);
}

TEST_F(viommu_race, queues_of_events)
{
	static const step_fn steps[] = {
		step_queue, step_queue, step_read_second, step_read_second, step_event,
		step_attach,
	};

	set_up_device(_metadata, &self->race);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_gone(_metadata, &self->race);
}

TEST_F(viommu_race, hardware_queues)
{
	static const step_fn steps[] = {
		step_hw_queue, step_hw_queue, step_hw_queue, step_unmap, step_unmap_all,
		step_viommu,
	};

	CHECK_RACE_OF(&self->race, steps);
	EXPECT_LT(0, self->objects->nr_followed);
	expect_all_gone(_metadata, &self->race);
}

TEST_F(viommu_race, mappings)
{
	static const step_fn steps[] = {
		step_region, step_region, step_map, step_map, step_map,
	};

	CHECK_RACE_OF(&self->race, steps);
	EXPECT_LT(0, self->objects->nr_mapped);
	expect_all_gone(_metadata, &self->race);
}

TEST_F(viommu_race, everything)
{
	static const step_fn steps[] = {
		step_event, step_event_other, step_read, step_read_nowhere, step_name,
		step_device, step_hw_queue, step_unmap_all,
	};

	set_up_events(_metadata, &self->race, SHALLOW);
	CHECK_RACE_OF(&self->race, steps);
	expect_all_told(_metadata, &self->race);
	expect_all_gone(_metadata, &self->race);
}

TEST_HARNESS_MAIN
