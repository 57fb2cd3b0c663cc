// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the random tester on virtual IOMMUs: two of them in each worker, with two
 * devices, whose names, page tables, caches, events and queues the model knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"
#include "lib/viommu.h"

#define WORD		((uint32_t)IOMMU_TEST_DEV_CACHE_DEFAULT)
#define ALL_WORDS	((1u << MOCK_DEV_CACHE_NUM) - 1)
#define REGION		(2 * PAGE_BYTES)
#define REQUESTS	4
#define MAX_RECORDS	(MAX_EVENTS + 2)
/* Names that the guest may give; 0 is one, but not for events */
#define NAMES		3
#define IOVA		((uint64_t)MOCK_APERTURE_START)
#define NOWHERE		((void *)PAGE_BYTES)

struct record {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest event;
};

#define HEADER		sizeof(struct iommufd_vevent_header)
#define RECORD		sizeof(struct record)

static struct vdev *some_vdev(struct worker *w)
{
	return &w->virt.devs[worker_below(w, VDEVS)];
}

static struct viommu *some_viommu(struct worker *w)
{
	struct viommu *viommu = &w->virt.viommus[worker_below(w, VIOMMUS)];

	return w->virt.live && viommu->live ? viommu : NULL;
}

static int index_of(const struct worker *w, const struct viommu *viommu)
{
	return viommu - w->virt.viommus;
}

/* The device that has a name on a virtual IOMMU, NULL if none does */
static struct vdev *find_name(struct worker *w, int on, uint64_t name)
{
	unsigned int i;

	for (i = 0; i < VDEVS; i++)
		if (w->virt.devs[i].named_on == on && w->virt.devs[i].name == name)
			return &w->virt.devs[i];
	return NULL;
}

/* Set-up and end */

static int map_page(struct worker *w, unsigned int page)
{
	struct virt *v = &w->virt;

	return ioas_map_file_fixed(w->shared->fd, v->ioas, v->file,
				   (page == LAST_PAGE ? page - 1 : page) * PAGE_BYTES, PAGE_BYTES,
				   IOVA + page * PAGE_BYTES);
}

static int make_device(struct worker *w, struct vdev *dev, uint32_t pt_id)
{
	struct mock_ids ids;
	int err = mock_domain(w->shared->fd, pt_id, 0, &ids);

	dev->stdev = ids.stdev;
	dev->dev = ids.dev;
	dev->at = ON_PARENT;
	dev->named_on = NO_NAME;
	dev->words = ALL_WORDS;
	return err;
}

static int make(struct worker *w)
{
	struct virt *v = &w->virt;
	unsigned int i;
	int err;

	v->file = memfd_create("queues", MFD_CLOEXEC);
	if (v->file < 0 || ftruncate(v->file, LAST_PAGE * PAGE_BYTES))
		return -errno;
	err = ioas_alloc(w->shared->fd, &v->ioas);
	for (i = 0; i <= LAST_PAGE && !err; i++) {
		err = map_page(w, i);
		v->mapped[i] = true;
	}
	if (!err)
		err = make_device(w, &v->devs[0], v->ioas);
	if (!err)
		err = nest_parent_alloc(w->shared->fd, v->devs[0].dev, v->ioas, &v->parent);
	if (!err)
		err = mock_replace(w->shared->fd, v->devs[0].stdev, &(uint32_t){ v->parent });
	for (i = 1; i < VDEVS && !err; i++)
		err = make_device(w, &v->devs[i], v->parent);
	return err;
}

static void step_make(struct worker *w)
{
	struct virt *v = &w->virt;
	unsigned int i;

	if (v->live)
		return;
	worker_note(w, -1, "devices for virtual IOMMUs");
	memset(v, 0, sizeof(*v));
	for (i = 0; i < VIOMMUS; i++)
		v->viommus[i].file = -1;
	v->live = true;
	worker_expect(w, make(w), 0, "devices for virtual IOMMUs");
	w->worked++;
}

/* Descriptors and mappings keep the whole context. */
void worker_forget_viommus(struct worker *w)
{
	struct virt *v = &w->virt;
	unsigned int i;

	for (i = 0; v->live && i < VIOMMUS; i++) {
		if (v->viommus[i].file >= 0)
			close(v->viommus[i].file);
		if (v->viommus[i].region)
			munmap(v->viommus[i].region, REGION);
	}
	if (v->live)
		close(v->file);
	memset(v, 0, sizeof(*v));
}

/* Virtual IOMMUs and what is made on them */

static void step_viommu(struct worker *w)
{
	struct viommu *viommu = &w->virt.viommus[worker_below(w, VIOMMUS)];
	struct iommu_viommu_selftest data = { .in_data = worker_random(w) };
	const struct vdev *dev = some_vdev(w);
	int err;

	if (!w->virt.live || viommu->live)
		return;
	worker_note(w, -1, "new virtual IOMMU %d", index_of(w, viommu));
	err = viommu_alloc_data(w->shared->fd, dev->dev, w->virt.parent, &data, &viommu->id);
	if (!worker_expect(w, err, 0, "VIOMMU_ALLOC") ||
	    !worker_expect(w, data.out_mmap_length, REGION, "bytes of a region"))
		return;
	viommu->live = true;
	viommu->offset = data.out_mmap_offset;
	viommu->tag = data.in_data;
	w->worked++;
}

static bool has_names(const struct worker *w, int on)
{
	unsigned int i;

	for (i = 0; i < VDEVS; i++)
		if (w->virt.devs[i].named_on == on)
			return true;
	return false;
}

static bool is_used(const struct worker *w, const struct viommu *viommu)
{
	return viommu->hwpt || viommu->eventq || viommu->queues[0].id || viommu->region ||
	       has_names(w, index_of(w, viommu));
}

static void step_viommu_destroy(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);
	int err, wanted;

	if (!viommu)
		return;
	wanted = is_used(w, viommu) ? -EBUSY : 0;
	worker_note(w, -1, "destroy virtual IOMMU %d", index_of(w, viommu));
	worker_expect(w, object_destroy(w->shared->fd, w->virt.parent), -EBUSY,
		      "destroy of a parent");
	err = object_destroy(w->shared->fd, viommu->id);
	if (worker_expect(w, err, wanted, "destroy of a virtual IOMMU") && !err)
		*viommu = (struct viommu){ .file = -1 };
	w->worked++;
}

static void step_region(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);
	const bool half = worker_chance(w, 20);
	uint32_t *mem;

	if (!viommu)
		return;
	if (viommu->region) {
		worker_note(w, -1, "unmap the region of %d", index_of(w, viommu));
		worker_expect(w, *viommu->region, viommu->tag, "word of a region");
		worker_expect(w, munmap(viommu->region, REGION), 0, "munmap of a region");
		viommu->region = NULL;
		w->worked++;
		return;
	}
	worker_note(w, -1, "map %s of %d", half ? "half the region" : "the region",
		    index_of(w, viommu));
	mem = mmap(NULL, half ? REGION / 2 : REGION, PROT_READ | PROT_WRITE, MAP_SHARED,
		   w->shared->fd, viommu->offset);
	w->worked++;
	if (worker_expect(w, mem == MAP_FAILED, half, "mmap of a region") && !half)
		viommu->region = mem;
}

/* A name is free on each virtual IOMMU, and a device has one on one of them. */
static void step_name(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);
	const uint64_t name = worker_below(w, NAMES);
	struct vdev *dev = some_vdev(w);
	uint32_t id;
	int err;

	if (!viommu)
		return;
	worker_note(w, -1, "name %llu of device %u on %d", (unsigned long long)name, dev->dev,
		    index_of(w, viommu));
	err = vdevice_alloc(w->shared->fd, viommu->id, dev->dev, name, &id);
	w->worked++;
	if (!worker_expect(w, err, dev->named_on != NO_NAME ||
			   find_name(w, index_of(w, viommu), name) ? -EEXIST : 0,
			   "VDEVICE_ALLOC") || err)
		return;
	dev->named_on = index_of(w, viommu);
	dev->name = name;
	dev->vdevice = id;
}

static void step_name_destroy(struct worker *w)
{
	struct vdev *dev = some_vdev(w);

	if (!w->virt.live || dev->named_on == NO_NAME)
		return;
	worker_note(w, -1, "device %u loses its name", dev->dev);
	worker_expect(w, object_destroy(w->shared->fd, dev->vdevice), 0, "destroy of a name");
	dev->named_on = NO_NAME;
	w->worked++;
}

/* A device that goes takes its name along, and another one comes. */
static void step_exchange(struct worker *w)
{
	struct vdev *dev = some_vdev(w);
	const uint32_t vdevice = dev->vdevice;
	const int on = dev->named_on;

	if (!w->virt.live)
		return;
	worker_note(w, -1, "exchange device %u", dev->dev);
	worker_expect(w, object_destroy(w->shared->fd, dev->stdev), 0, "destroy of a device");
	if (on != NO_NAME)
		worker_expect(w, object_destroy(w->shared->fd, vdevice), -ENOENT,
			      "destroy of a name that is gone");
	worker_expect(w, make_device(w, dev, w->virt.parent), 0, "another device");
	w->worked++;
}

static void step_table(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);
	const struct vdev *dev = some_vdev(w);
	int err;

	if (!viommu || viommu->hwpt)
		return;
	worker_note(w, -1, "nested page table on %d", index_of(w, viommu));
	err = mock_nested_alloc(w->shared->fd, dev->dev, viommu->id, 0, 0, &viommu->hwpt);
	if (!worker_expect(w, err, 0, "HWPT_ALLOC on a virtual IOMMU"))
		viommu->hwpt = 0;
	w->worked++;
}

static void step_table_destroy(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);
	unsigned int i;
	int err, wanted = 0;

	if (!viommu || !viommu->hwpt)
		return;
	for (i = 0; i < VDEVS; i++)
		if (w->virt.devs[i].at == index_of(w, viommu))
			wanted = -EBUSY;
	worker_note(w, -1, "destroy the page table on %d", index_of(w, viommu));
	err = object_destroy(w->shared->fd, viommu->hwpt);
	if (worker_expect(w, err, wanted, "destroy of a page table on a virtual IOMMU") && !err)
		viommu->hwpt = 0;
	w->worked++;
}

/* The name is looked at when the device moves, not when it stays. */
static void step_attach(struct worker *w)
{
	const bool back = worker_chance(w, 30);
	const struct viommu *viommu = some_viommu(w);
	struct vdev *dev = some_vdev(w);
	int target = ON_PARENT, err, wanted = 0;
	uint32_t pt_id = w->virt.parent;

	if (!viommu || (!back && !viommu->hwpt))
		return;
	if (!back) {
		target = index_of(w, viommu);
		pt_id = viommu->hwpt;
		wanted = dev->at == target || dev->named_on == target ? 0 : -ENOENT;
	}
	worker_note(w, -1, "device %u to %d", dev->dev, target);
	err = mock_replace(w->shared->fd, dev->stdev, &pt_id);
	if (worker_expect(w, err, wanted, "replace to a page table on a virtual IOMMU") && !err)
		dev->at = target;
	w->worked++;
}

/* Invalidations */

static int apply(struct worker *w, const struct viommu *viommu,
		 const struct iommu_viommu_invalidate_selftest *request)
{
	struct vdev *dev;

	if (request->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (request->cache_id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	dev = find_name(w, index_of(w, viommu), request->vdev_id);
	if (!dev)
		return -EINVAL;
	if (request->flags)
		dev->words = 0;
	else
		dev->words &= ~(1u << request->cache_id);
	return 0;
}

static void step_invalidate(struct worker *w)
{
	struct iommu_viommu_invalidate_selftest requests[REQUESTS];
	const uint32_t nr = worker_below(w, REQUESTS + 1);
	const struct viommu *viommu = some_viommu(w);
	uint32_t got = nr, done = 0, i;
	int err, wanted = 0;

	for (i = 0; i < REQUESTS; i++)
		requests[i] = (struct iommu_viommu_invalidate_selftest){
			.flags = worker_chance(w, 15) ? IOMMU_TEST_INVALIDATE_FLAG_ALL :
				 worker_chance(w, 10) ? 2 : 0,
			.vdev_id = worker_below(w, NAMES),
			.cache_id = worker_below(w, MOCK_DEV_CACHE_NUM + worker_chance(w, 20)),
		};
	if (!viommu)
		return;
	while (done < nr && !wanted) {
		wanted = apply(w, viommu, &requests[done]);
		done += !wanted;
	}
	worker_note(w, -1, "%u requests on %d", nr, index_of(w, viommu));
	err = viommu_invalidate(w->shared->fd, viommu->id, requests, sizeof(requests[0]), &got);
	if (worker_expect(w, err, wanted, "HWPT_INVALIDATE on a virtual IOMMU"))
		worker_expect(w, got, done, "requests done");
	w->worked++;
}

static void step_caches(struct worker *w)
{
	const struct vdev *dev = some_vdev(w);
	unsigned int i;

	if (!w->virt.live)
		return;
	worker_note(w, -1, "cache of device %u is %#x", dev->dev, dev->words);
	for (i = 0; i < MOCK_DEV_CACHE_NUM; i++)
		worker_expect(w, mock_check_dev_cache(w->shared->fd, dev->dev, i,
						      dev->words >> i & 1 ? WORD : 0),
			      0, "DEV_CHECK_CACHE");
	w->worked++;
}

/* Events */

static void step_events(struct worker *w)
{
	const uint32_t depth = 1 + worker_below(w, MAX_EVENTS);
	struct viommu *viommu = some_viommu(w);
	uint32_t id;
	int file;

	if (!viommu)
		return;
	worker_note(w, -1, "queue of %u events on %d", depth, index_of(w, viommu));
	file = veventq_alloc(w->shared->fd, viommu->id, depth, &id);
	w->worked++;
	if (!worker_expect(w, file < 0 ? file : 0, viommu->eventq ? -EEXIST : 0,
			   "VEVENTQ_ALLOC") || file < 0)
		return;
	viommu->eventq = id;
	viommu->file = file;
	viommu->depth = depth;
	viommu->nr_events = 0;
	viommu->sequence = 0;
	viommu->lost = false;
}

static void step_events_end(struct worker *w)
{
	struct viommu *viommu = some_viommu(w);

	if (!viommu || !viommu->eventq)
		return;
	worker_note(w, -1, "end of the queue on %d", index_of(w, viommu));
	w->worked++;
	if (viommu->file >= 0) {
		worker_expect(w, object_destroy(w->shared->fd, viommu->eventq), -EBUSY,
			      "destroy of an open queue");
		worker_expect(w, close(viommu->file), 0, "close of a queue");
		viommu->file = -1;
		return;
	}
	worker_expect(w, object_destroy(w->shared->fd, viommu->eventq), 0, "destroy of a queue");
	viommu->eventq = 0;
}

static int event_wants(const struct worker *w, const struct vdev *dev)
{
	if (dev->at == ON_PARENT || dev->named_on != dev->at || !dev->name)
		return -ENOENT;
	return w->virt.viommus[dev->at].file < 0 ? -EOPNOTSUPP : 0;
}

static void step_event(struct worker *w)
{
	const struct vdev *dev = some_vdev(w);
	struct viommu *viommu;
	int err;

	if (!w->virt.live)
		return;
	worker_note(w, -1, "event of device %u", dev->dev);
	err = mock_trigger_vevent(w->shared->fd, dev->dev);
	w->worked++;
	if (!worker_expect(w, err, event_wants(w, dev), "TRIGGER_VEVENT") || err)
		return;
	viommu = &w->virt.viommus[dev->at];
	viommu->lost = viommu->nr_events == viommu->depth;
	if (!viommu->lost)
		viommu->events[viommu->nr_events++] = (struct event){
			.sequence = viommu->sequence, .name = dev->name,
		};
	viommu->sequence++;
}

/* How many bytes a read gives: whole events, then the mark for lost ones */
static int read_wants(const struct viommu *viommu, size_t room, unsigned int *nr, bool *lost)
{
	const unsigned int fit = room / RECORD;

	*nr = fit < viommu->nr_events ? fit : viommu->nr_events;
	*lost = *nr == viommu->nr_events && viommu->lost && room - *nr * RECORD >= HEADER;
	if (room < HEADER || (viommu->nr_events && !fit))
		return -EINVAL;
	return *nr * RECORD + *lost * HEADER;
}

static void compare_events(struct worker *w, const struct viommu *viommu,
			   const struct record *records, unsigned int nr, bool lost)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		worker_expect(w, records[i].header.flags, 0, "flags of an event");
		worker_expect(w, records[i].header.sequence, viommu->events[i].sequence,
			      "number of an event");
		worker_expect(w, records[i].event.virt_id, viommu->events[i].name,
			      "device of an event");
	}
	if (!lost)
		return;
	worker_expect(w, records[nr].header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS, "lost events");
	worker_expect(w, records[nr].header.sequence, viommu->sequence - 1, "last lost event");
}

static void step_read(struct worker *w)
{
	const size_t room = worker_below(w, MAX_RECORDS) * RECORD + worker_below(w, RECORD);
	const bool nowhere = worker_chance(w, 15);
	struct record records[MAX_RECORDS] = {};
	struct viommu *viommu = some_viommu(w);
	unsigned int nr;
	ssize_t got;
	int wanted;
	bool lost;

	if (!viommu || viommu->file < 0)
		return;
	wanted = read_wants(viommu, room, &nr, &lost);
	worker_note(w, -1, "read %zu bytes of the queue on %d%s", room, index_of(w, viommu),
		    nowhere ? ", nowhere" : "");
	got = read(viommu->file, nowhere ? NOWHERE : records, room);
	w->worked++;
	if (nowhere && wanted > 0)
		wanted = -EFAULT;
	if (!worker_expect(w, got < 0 ? -errno : got, wanted, "read of events") || wanted <= 0)
		return;
	compare_events(w, viommu, records, nr, lost);
	viommu->nr_events -= nr;
	memmove(viommu->events, viommu->events + nr, viommu->nr_events * sizeof(struct event));
	viommu->lost &= !lost;
}

/* Queues that hardware reads */

static bool is_locked(const struct worker *w, unsigned int page)
{
	const struct hw_queue *queue;
	unsigned int i, j;

	for (i = 0; i < VIOMMUS; i++)
		for (j = 0; j < HW_QUEUES; j++) {
			queue = &w->virt.viommus[i].queues[j];
			if (queue->id && queue->first <= page && queue->last >= page)
				return true;
		}
	return false;
}

/* Memory is looked at first, the order of queues later. The last page is the one before. */
static int queue_wants(const struct worker *w, const struct viommu *viommu, unsigned int index,
		       unsigned int first, unsigned int last)
{
	if (!w->virt.mapped[first] || !w->virt.mapped[last])
		return -ENOENT;
	if (first != last)
		return -EFAULT;
	if (index >= HW_QUEUES)
		return -EINVAL;
	if (viommu->queues[index].id)
		return -EEXIST;
	return index && !viommu->queues[index - 1].id ? -EIO : 0;
}

static void step_queue(struct worker *w)
{
	const unsigned int index = worker_below(w, HW_QUEUES + worker_chance(w, 10));
	const bool two = worker_chance(w, 20);
	const unsigned int first = two ? LAST_PAGE - 1 : worker_below(w, LAST_PAGE + 1);
	const unsigned int last = two ? LAST_PAGE : first;
	struct viommu *viommu = some_viommu(w);
	uint32_t id;
	int err;

	if (!viommu)
		return;
	worker_note(w, -1, "queue %u of %d in pages %u to %u", index, index_of(w, viommu), first,
		    last);
	err = hw_queue_alloc(w->shared->fd, viommu->id, index, IOVA + first * PAGE_BYTES,
			     (last - first + 1) * PAGE_BYTES, &id);
	w->worked++;
	if (worker_expect(w, err, queue_wants(w, viommu, index, first, last), "HW_QUEUE_ALLOC") &&
	    !err)
		viommu->queues[index] = (struct hw_queue){ id, first, last };
}

static void step_queue_destroy(struct worker *w)
{
	const unsigned int index = worker_below(w, HW_QUEUES);
	struct viommu *viommu = some_viommu(w);
	bool busy;
	int err;

	if (!viommu || !viommu->queues[index].id)
		return;
	busy = index + 1 < HW_QUEUES && viommu->queues[index + 1].id;
	worker_note(w, -1, "destroy queue %u of %d", index, index_of(w, viommu));
	err = object_destroy(w->shared->fd, viommu->queues[index].id);
	w->worked++;
	if (worker_expect(w, err, busy ? -EBUSY : 0, "destroy of a hardware queue") && !err)
		viommu->queues[index].id = 0;
}

static void step_page(struct worker *w)
{
	const unsigned int page = worker_below(w, LAST_PAGE + 1);
	struct virt *v = &w->virt;
	int err;

	if (!v->live)
		return;
	worker_note(w, -1, "%s page %u", v->mapped[page] ? "unmap" : "map", page);
	w->worked++;
	if (!v->mapped[page]) {
		v->mapped[page] = worker_expect(w, map_page(w, page), 0, "map of a page");
		return;
	}
	err = ioas_unmap(w->shared->fd, v->ioas, IOVA + page * PAGE_BYTES, PAGE_BYTES, NULL);
	v->mapped[page] = !(worker_expect(w, err, is_locked(w, page) ? -EBUSY : 0,
					  "unmap of a page") && !err);
}

const struct step worker_viommu_steps[] = {
	{ "devices for virtual IOMMUs", 3, step_make },
	{ "virtual IOMMU", 4, step_viommu },
	{ "destroy virtual IOMMU", 1, step_viommu_destroy },
	{ "region of memory", 1, step_region },
	{ "name of a device", 4, step_name },
	{ "destroy name", 1, step_name_destroy },
	{ "exchange device", 1, step_exchange },
	{ "table on virtual IOMMU", 3, step_table },
	{ "destroy table", 1, step_table_destroy },
	{ "attach to table", 4, step_attach },
	{ "invalidate by name", 3, step_invalidate },
	{ "check caches", 2, step_caches },
	{ "queue of events", 2, step_events },
	{ "end of the queue", 1, step_events_end },
	{ "event", 6, step_event },
	{ "read events", 3, step_read },
	{ "hardware queue", 3, step_queue },
	{ "destroy hardware queue", 1, step_queue_destroy },
	{ "page of a queue", 2, step_page },
	{ }
};
