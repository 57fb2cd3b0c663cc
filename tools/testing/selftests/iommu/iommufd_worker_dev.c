// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the random tester on devices, page tables, dirty bits and accesses.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_worker.h"
#include "lib/iommufd.h"
#include "lib/memory.h"
#include "lib/mock.h"

#define RW_BYTES	9000
#define DIRTY_PAGES	512

static struct hwpt *some_hwpt(struct worker *w)
{
	unsigned int i, at = worker_below(w, HWPTS);

	for (i = 0; i < HWPTS; i++, at = (at + 1) % HWPTS)
		if (w->hwpts[at].live)
			return &w->hwpts[at];
	return NULL;
}

/* Can a page table be made for a space, as far as its mappings are concerned? */
static int fill_result(const struct worker *w, unsigned int space)
{
	const struct model_space *model = &w->spaces[space].model;

	if (space_has_hwpt(w, space))
		return 0;
	if (!model_inside(model, MOCK_APERTURE_START, MOCK_APERTURE_LAST))
		return -EADDRINUSE;
	return 0;
}

static void step_hwpt(struct worker *w)
{
	const unsigned int at = worker_below(w, HWPTS);
	const unsigned int kind = worker_below(w, 3);
	struct hwpt *hwpt = &w->hwpts[at];
	const struct dev *dev = worker_some_dev(w);
	const int space = worker_any_space(w);
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg) };
	int err, wanted;

	if (hwpt->live || !dev)
		return;
	arg.dev_id = dev->idev;
	arg.pt_id = w->spaces[space].ioas;
	if (kind == 1 && w->shared->has_parent)
		arg.flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	else if (kind == 2 && w->shared->has_dirty)
		arg.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	if (dev->no_dirty && kind == 2 && w->shared->has_dirty)
		wanted = -EOPNOTSUPP;
	else
		wanted = fill_result(w, space);
	worker_note(w, space, "page table for device %u in space %d, flags %#x", dev->idev, space,
		    arg.flags);
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_ALLOC, &arg);
	if (!worker_expect(w, err, wanted, "HWPT_ALLOC") || err)
		return;
	worker_note(w, space, "is page table %u", arg.out_hwpt_id);
	hwpt->live = true;
	hwpt->dirty = kind == 2 && w->shared->has_dirty;
	hwpt->parent = kind == 1 && w->shared->has_parent;
	hwpt->tracking = false;
	hwpt->id = arg.out_hwpt_id;
	hwpt->space = space;
	hwpt->users = 0;
	memset(hwpt->bits, 0, DIRTY_BYTES / MOCK_PAGE);
	w->worked++;
}

static void step_hwpt_destroy(struct worker *w)
{
	struct hwpt *hwpt = &w->hwpts[worker_below(w, HWPTS)];
	int err;

	if (!hwpt->live)
		return;
	worker_note(w, hwpt->space, "destroy page table %u", hwpt->id);
	err = object_destroy(w->shared->fd, hwpt->id);
	if (worker_expect(w, err, hwpt->users ? -EBUSY : 0, "destroy of a page table") && !err)
		hwpt->live = false;
	w->worked++;
}

/* Where a device goes: a page table of ours, or the automatic one of a space */
struct target {
	int hwpt, nested;
	unsigned int space;
	uint32_t id;
};

static struct target some_target(struct worker *w)
{
	const struct nested *nested = &w->nested[worker_below(w, NESTED)];
	const unsigned int at = worker_below(w, HWPTS);
	const bool wish = worker_chance(w, 50), nest = worker_chance(w, 40);
	const int space = worker_any_space(w);

	if (nest && nested->live)
		return (struct target){ nested->parent, nested - w->nested,
					w->hwpts[nested->parent].space, nested->id };
	if (wish && w->hwpts[at].live)
		return (struct target){ at, -1, w->hwpts[at].space, w->hwpts[at].id };
	return (struct target){ -1, -1, space, w->spaces[space].ioas };
}

static int attach_result(const struct worker *w, const struct target *target, bool no_dirty)
{
	if (target->hwpt < 0)
		return fill_result(w, target->space);
	return no_dirty && w->hwpts[target->hwpt].dirty ? -EINVAL : 0;
}

/* Whose user a device is */
static unsigned int *users_of(struct worker *w, const struct dev *dev)
{
	if (dev->nested >= 0)
		return &w->nested[dev->nested].users;
	if (dev->hwpt >= 0)
		return &w->hwpts[dev->hwpt].users;
	return &w->spaces[dev->space].auto_users;
}

static void leave(struct worker *w, const struct dev *dev)
{
	(*users_of(w, dev))--;
}

/* The device is where it was sent: count it there, and check what it was told. */
static void arrive(struct worker *w, struct dev *dev, const struct target *target, uint32_t hwpt)
{
	struct space *space = &w->spaces[target->space];

	dev->hwpt = target->hwpt;
	dev->nested = target->nested;
	dev->space = target->space;
	if ((*users_of(w, dev))++ && target->hwpt < 0)
		worker_expect(w, hwpt, space->auto_hwpt, "automatic page table");
	if (target->hwpt >= 0)
		worker_expect(w, hwpt, target->id, "page table of an attach");
	else
		space->auto_hwpt = hwpt;
}

static void step_dev(struct worker *w)
{
	struct dev *dev = &w->devs[worker_below(w, DEVS)];
	const struct target target = some_target(w);
	const bool no_dirty = worker_chance(w, 20) && w->shared->has_dirty;
	struct iommu_test_cmd cmd = {};
	int err;

	if (dev->live)
		return;
	worker_note(w, target.space, "new device%s on %u", no_dirty ? " without dirty bits" : "",
		    target.id);
	if (no_dirty)
		cmd.mock_domain_flags.dev_flags = MOCK_FLAGS_DEVICE_NO_DIRTY;
	err = worker_mock(w, &cmd, no_dirty ? IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS :
			  IOMMU_TEST_OP_MOCK_DOMAIN, target.id);
	if (!worker_expect(w, err, attach_result(w, &target, no_dirty), "new device") || err)
		return;
	dev->live = true;
	dev->no_dirty = no_dirty;
	dev->stdev = cmd.mock_domain.out_stdev_id;
	dev->idev = cmd.mock_domain.out_idev_id;
	worker_note(w, target.space, "is device %u, handle %u, on page table %u", dev->idev,
		    dev->stdev, cmd.mock_domain.out_hwpt_id);
	arrive(w, dev, &target, cmd.mock_domain.out_hwpt_id);
	w->worked++;
}

static void step_replace(struct worker *w)
{
	struct dev *dev = worker_some_dev(w);
	const struct target target = some_target(w);
	struct iommu_test_cmd cmd = { .mock_domain_replace.pt_id = target.id };
	int err;

	if (!dev)
		return;
	worker_note(w, -1, "device %u to %u in space %u", dev->idev, target.id, target.space);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, dev->stdev);
	if (!worker_expect(w, err, attach_result(w, &target, dev->no_dirty), "replace") || err)
		return;
	leave(w, dev);
	arrive(w, dev, &target, cmd.mock_domain_replace.pt_id);
	w->worked++;
}

static void step_dev_destroy(struct worker *w)
{
	struct dev *dev = &w->devs[worker_below(w, DEVS)];

	if (!dev->live)
		return;
	worker_note(w, -1, "destroy device %u, handle %u", dev->idev, dev->stdev);
	worker_expect(w, object_destroy(w->shared->fd, dev->idev), -EBUSY,
		      "destroy of a bound device");
	worker_expect(w, object_destroy(w->shared->fd, dev->stdev), 0, "destroy of a device");
	leave(w, dev);
	dev->live = false;
	w->worked++;
}

static void step_track(struct worker *w)
{
	const bool on = worker_chance(w, 70);
	struct hwpt *hwpt = some_hwpt(w);
	struct iommu_hwpt_set_dirty_tracking arg = {
		.size = sizeof(arg),
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
	};
	int err;

	if (!hwpt || !w->shared->has_dirty)
		return;
	arg.hwpt_id = hwpt->id;
	worker_note(w, hwpt->space, "dirty tracking of %u: %d", hwpt->id, on);
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &arg);
	if (!worker_expect(w, err, hwpt->dirty ? 0 : -EOPNOTSUPP, "SET_DIRTY_TRACKING") || err)
		return;
	hwpt->tracking = on;
	if (on)
		memset(hwpt->bits, 0, DIRTY_BYTES / MOCK_PAGE);
	w->worked++;
}

/* Part of a mapping, whose dirty bits the model holds; false if there is none */
static bool some_part(struct worker *w, unsigned int space, uint64_t *iova, uint64_t *bytes)
{
	const struct model_space *model = &w->spaces[space].model;
	const uint64_t at = worker_random(w), skip = worker_random(w), len = worker_random(w);
	const struct model_map *map;
	uint64_t pages, first;

	if (!model->nr)
		return false;
	map = &model->maps[at % model->nr];
	pages = map->bytes / MOCK_PAGE;
	first = skip % pages;
	*iova = map->iova + first * MOCK_PAGE;
	*bytes = (1 + len % (pages - first < DIRTY_PAGES ? pages - first : DIRTY_PAGES)) *
		 MOCK_PAGE;
	return map->iova >= MOCK_APERTURE_START &&
	       model_last(map) < MOCK_APERTURE_START + DIRTY_BYTES;
}

static uint8_t *bits_at(const struct hwpt *hwpt, uint64_t iova)
{
	return hwpt->bits + (iova - MOCK_APERTURE_START) / MOCK_PAGE;
}

/*
 * Set or clear the bit of the entry that an address lies in. Entries are as large as
 * addresses and memory allow, up to a page.
 */
static void mark_entry(struct worker *w, const struct hwpt *hwpt, uint64_t iova, bool dirty)
{
	const uint64_t page = iova & ~(PAGE_BYTES - 1);
	const struct model_map *map = model_at(&w->spaces[hwpt->space].model, iova);

	if (map && map->iova <= page && model_last(map) >= page + PAGE_BYTES - 1 &&
	    !((map->va + (page - map->iova)) % PAGE_BYTES))
		memset(bits_at(hwpt, page), dirty, PAGE_BYTES / MOCK_PAGE);
	else
		*bits_at(hwpt, iova) = dirty;
}

/* A device writes to some pages. */
static void step_mark(struct worker *w)
{
	struct hwpt *hwpt = some_hwpt(w);
	uint8_t map[DIRTY_PAGES / 8] = {};
	struct iommu_test_cmd cmd = {};
	uint64_t iova, bytes, i;
	bool have;
	int err;

	for (i = 0; i < DIRTY_PAGES; i++)
		if (worker_chance(w, 25))
			map[i / 8] |= 1 << i % 8;
	if (!hwpt || !w->shared->has_dirty)
		return;
	have = some_part(w, hwpt->space, &iova, &bytes);
	if (!have)
		return;
	cmd.dirty.iova = iova;
	cmd.dirty.length = bytes;
	cmd.dirty.page_size = MOCK_PAGE;
	cmd.dirty.uptr = (uintptr_t)map;
	worker_note(w, hwpt->space, "device writes under %u %#llx bytes %#llx", hwpt->id,
		    (unsigned long long)iova, (unsigned long long)bytes);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_DIRTY, hwpt->id);
	if (!worker_expect(w, err, hwpt->tracking ? 0 : -EINVAL, "DIRTY") || err)
		return;
	for (i = 0; i < bytes / MOCK_PAGE; i++)
		if (map[i / 8] >> i % 8 & 1)
			mark_entry(w, hwpt, iova + i * MOCK_PAGE, true);
	w->worked++;
}

static bool compare_dirty(struct worker *w, const struct hwpt *hwpt,
			  const struct iommu_hwpt_get_dirty_bitmap *arg, const uint8_t *map)
{
	const uint64_t units = arg->page_size / MOCK_PAGE;
	uint64_t i;

	for (i = 0; i < arg->length / arg->page_size; i++) {
		const uint64_t iova = arg->iova + i * arg->page_size;
		const bool wanted = memchr(bits_at(hwpt, iova), 1, units);
		const bool got = map[i / 8] >> i % 8 & 1;

		if (got == wanted)
			continue;
		worker_note(w, hwpt->space, "dirty bit of %u at %#llx", hwpt->id,
			    (unsigned long long)iova);
		return worker_expect(w, got, wanted, "dirty bit");
	}
	return true;
}

static void step_read_dirty(struct worker *w)
{
	const uint64_t page = MOCK_PAGE << worker_below(w, 6);
	const bool clear = worker_chance(w, 60);
	const unsigned int shift = worker_below(w, 3);
	const struct hwpt *hwpt = some_hwpt(w);
	uint8_t map[DIRTY_PAGES / 8 + 4] = {};
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg), .page_size = page, .data = (uintptr_t)map + shift,
		.flags = clear ? 0 : IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR,
	};
	uint64_t iova, bytes, end;
	int err;

	if (!hwpt || !w->shared->has_dirty || !some_part(w, hwpt->space, &iova, &bytes))
		return;
	if (space_alignment(w, hwpt->space) > page)
		return;
	end = iova + bytes + page - 1;
	arg.iova = iova & ~(page - 1);
	arg.length = (end & ~(page - 1)) - arg.iova;
	if (arg.iova < MOCK_APERTURE_START ||
	    arg.iova + arg.length > MOCK_APERTURE_START + DIRTY_BYTES ||
	    arg.length / page > DIRTY_PAGES)
		return;
	arg.hwpt_id = hwpt->id;
	worker_note(w, hwpt->space, "dirty bits of %u %#llx bytes %#llx page %#llx%s", hwpt->id,
		    (unsigned long long)arg.iova, (unsigned long long)arg.length,
		    (unsigned long long)page, clear ? "" : " kept");
	err = iommufd_call(w->shared->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
	if (!worker_expect(w, err, hwpt->dirty ? 0 : -EOPNOTSUPP, "GET_DIRTY_BITMAP") || err)
		return;
	if (!compare_dirty(w, hwpt, &arg, map + shift))
		return;
	if (clear)
		for (end = arg.iova + arg.length; arg.iova < end; arg.iova += MOCK_PAGE)
			mark_entry(w, hwpt, arg.iova, false);
	w->worked++;
}

static void step_access(struct worker *w)
{
	struct access *access = &w->accesses[worker_below(w, ACCESSES)];
	const bool pins = worker_chance(w, 70);
	const int space = worker_any_space(w);
	struct iommu_test_cmd cmd = {};
	int err, wanted = 0;

	if (!w->shared->has_access || access->live)
		return;
	if (pins && !model_aligned(&w->spaces[space].model, PAGE_BYTES))
		wanted = -EADDRINUSE;
	cmd.create_access.flags = pins ? MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES : 0;
	worker_note(w, space, "access to space %d%s", space, pins ? " that pins" : "");
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_CREATE_ACCESS, w->spaces[space].ioas);
	if (!worker_expect(w, err, wanted, "CREATE_ACCESS") || err)
		return;
	memset(access, 0, sizeof(*access));
	access->live = true;
	access->pins_pages = pins;
	access->fd = cmd.create_access.out_access_fd;
	access->space = space;
	w->worked++;
}

/* What is pinned is let go, unless the access stays where it is. */
static void step_access_move(struct worker *w)
{
	struct access *access = &w->accesses[worker_below(w, ACCESSES)];
	const int space = worker_any_space(w);
	struct iommu_test_cmd cmd = {};
	bool same;
	unsigned int i;
	int err, wanted = 0;

	if (!access->live)
		return;
	same = access->space == (unsigned int)space;
	if (!same && access->pins_pages && !model_aligned(&w->spaces[space].model, PAGE_BYTES))
		wanted = -EADDRINUSE;
	cmd.access_replace_ioas.ioas_id = w->spaces[space].ioas;
	worker_note(w, -1, "access %d from space %u to %d", access->fd, access->space, space);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, access->fd);
	if (!worker_expect(w, err, wanted, "ACCESS_REPLACE_IOAS") || err)
		return;
	access->space = space;
	for (i = 0; i < PINS && !same; i++)
		access->pins[i].live = false;
	w->worked++;
}

static void step_access_close(struct worker *w)
{
	struct access *access = &w->accesses[worker_below(w, ACCESSES)];

	if (!access->live)
		return;
	worker_note(w, access->space, "close access %d", access->fd);
	close(access->fd);
	access->live = false;
	w->worked++;
}

static struct access *some_access(struct worker *w)
{
	struct access *access = &w->accesses[worker_below(w, ACCESSES)];

	return access->live ? access : NULL;
}

static void step_pin(struct worker *w)
{
	const struct access *access = some_access(w);
	struct pin *pin = access ? (struct pin *)&access->pins[worker_below(w, PINS)] : NULL;
	const bool write = worker_chance(w, 50);
	const struct model_space *model;
	const struct model_map *map;
	struct iommu_test_cmd cmd = {};
	uint64_t iova, bytes;
	int err, wanted = 0;

	if (!pin || pin->live || !access->pins_pages ||
	    !some_part(w, access->space, &iova, &bytes))
		return;
	model = &w->spaces[access->space].model;
	map = model_at(model, iova);
	iova &= ~(PAGE_BYTES - 1);
	bytes = ((bytes - 1) | (PAGE_BYTES - 1)) + 1;
	if (access->space == SHARED && iova + bytes - 1 > w->last)
		return;
	if (!model_covers(model, iova, bytes))
		wanted = -ENOENT;
	else if (write && !model_writable(model, iova, bytes))
		wanted = -EPERM;
	if (model_last(map) >= iova + bytes - 1)
		cmd.access_pages.uptr = map->va + iova - map->iova;
	cmd.access_pages.flags = write ? MOCK_FLAGS_ACCESS_WRITE : 0;
	cmd.access_pages.iova = iova;
	cmd.access_pages.length = bytes;
	worker_note(w, access->space, "access %d pins %#llx bytes %#llx", access->fd,
		    (unsigned long long)iova, (unsigned long long)bytes);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_ACCESS_PAGES, access->fd);
	if (!worker_expect(w, err, wanted, "ACCESS_PAGES") || err)
		return;
	*pin = (struct pin){ true, cmd.access_pages.out_access_pages_id, iova, bytes };
	w->worked++;
}

/* Items that an unmap forced out are unknown, like those that were unpinned. */
static void step_unpin(struct worker *w)
{
	struct access *access = some_access(w);
	struct pin *pin = access ? &access->pins[worker_below(w, PINS)] : NULL;
	struct iommu_test_cmd cmd = {};
	int err;

	if (!pin || !pin->bytes)
		return;
	cmd.destroy_access_pages.access_pages_id = pin->id;
	worker_note(w, access->space, "access %d unpins item %u", access->fd, pin->id);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, access->fd);
	worker_expect(w, err, pin->live ? 0 : -ENOENT, "DESTROY_ACCESS_PAGES");
	pin->live = false;
	w->worked++;
}

/* Compare bytes read or written through an access with the memory itself. */
static bool compare_bytes(struct worker *w, unsigned int space, uint64_t iova,
			  const uint8_t *data, uint64_t bytes)
{
	const struct model_map *map;
	uint64_t i;

	for (i = 0; i < bytes; i++) {
		map = model_at(&w->spaces[space].model, iova + i);
		if (data[i] != *(uint8_t *)(map->va + iova + i - map->iova)) {
			worker_note(w, space, "byte at %#llx", (unsigned long long)(iova + i));
			return worker_expect(w, data[i], -1, "data behind an address");
		}
	}
	return true;
}

static void step_rw(struct worker *w)
{
	const bool write = worker_chance(w, 50), slow = worker_chance(w, 30);
	const unsigned int skip = worker_below(w, MOCK_PAGE);
	const unsigned int length = 1 + worker_below(w, RW_BYTES);
	const uint8_t fill = worker_below(w, 256);
	const struct access *access = some_access(w);
	const struct model_space *model;
	struct iommu_test_cmd cmd = {};
	uint8_t data[RW_BYTES];
	uint64_t iova, bytes, i;
	int err, wanted = 0;

	if (!access || !some_part(w, access->space, &iova, &bytes))
		return;
	model = &w->spaces[access->space].model;
	iova += skip;
	if (access->space == SHARED && iova + length - 1 > w->last)
		return;
	if (!model_covers(model, iova, length))
		wanted = -ENOENT;
	else if (write && !model_writable(model, iova, length))
		wanted = -EPERM;
	/* Pieces that are the same memory would be written twice: same byte everywhere. */
	for (i = 0; i < length; i++)
		data[i] = fill;
	cmd.access_rw.iova = iova;
	cmd.access_rw.length = length;
	cmd.access_rw.uptr = (uintptr_t)data;
	cmd.access_rw.flags = (write ? MOCK_ACCESS_RW_WRITE : 0) |
			      (slow ? MOCK_ACCESS_RW_SLOW_PATH : 0);
	worker_note(w, access->space, "access %d %s %#llx bytes %u", access->fd,
		    write ? "writes" : "reads", (unsigned long long)iova, length);
	err = worker_mock(w, &cmd, IOMMU_TEST_OP_ACCESS_RW, access->fd);
	if (!worker_expect(w, err, wanted, "ACCESS_RW") || err)
		return;
	compare_bytes(w, access->space, iova, data, length);
	w->worked++;
}

const struct step worker_dev_steps[] = {
	{ "page table", 5, step_hwpt },
	{ "destroy page table", 3, step_hwpt_destroy },
	{ "device", 5, step_dev },
	{ "replace", 6, step_replace },
	{ "destroy device", 2, step_dev_destroy },
	{ "dirty tracking", 3, step_track },
	{ "device writes", 5, step_mark },
	{ "dirty bits", 5, step_read_dirty },
	{ "access", 3, step_access },
	{ "move access", 2, step_access_move },
	{ "close access", 1, step_access_close },
	{ "pin", 5, step_pin },
	{ "unpin", 3, step_unpin },
	{ "read or write", 5, step_rw },
	{ }
};
