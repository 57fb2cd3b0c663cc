// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_CHANGE_PROCESS: another process is charged for a context, for instance
 * when a VMM passes its guest to a newer one.
 *
 * The caller is charged for everything first. If that fails nothing has changed.
 * After that the stores are transferred one by one, which cannot fail, so the call
 * needs no lock over all of them.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "call.h"
#include "ioas.h"
#include "iommufd_private.h"
#include "map/map.h"
#include "object.h"
#include "sort.h"
#include "store/store.h"

/**
 * struct store_list - stores of all address spaces
 * @stores: references
 * @nr: number of them
 * @room: room in @stores
 */
struct store_list {
	struct iommufd_store **stores;
	unsigned long nr;
	unsigned long room;
};

static void free_list(struct store_list *list)
{
	while (list->nr) {
		iommufd_store_put(list->stores[--list->nr]);
		cond_resched();
	}
	kvfree(list->stores);
}

static int make_room(struct store_list *list, unsigned long more)
{
	struct iommufd_store **stores;

	if (list->nr + more <= list->room)
		return 0;
	/* Each address space may need more room: double it to do so seldom */
	more = max(list->nr + more, 2 * list->room) - list->nr;
	stores = kvmalloc_array(list->nr + more, sizeof(*stores),
				GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!stores)
		return -ENOMEM;
	if (list->nr)
		memcpy(stores, list->stores, list->nr * sizeof(*stores));
	kvfree(list->stores);
	list->stores = stores;
	list->room = list->nr + more;
	return 0;
}

static int add_stores(struct store_list *list, struct iommufd_ioas *ioas)
{
	unsigned long nr;
	int err;

	/* Until no mapping was added between counting and looking */
	for (;;) {
		err = iommufd_map_stores(ioas->map, list->stores + list->nr,
					 list->room - list->nr, &nr);
		if (err != -ENOSPC)
			break;
		err = make_room(list, nr);
		if (err)
			return err;
	}
	if (!err)
		list->nr += nr;
	return err;
}

static int add_all_stores(struct store_list *list, struct iommufd_ctx *ctx)
{
	struct iommufd_object *obj;
	unsigned long id = 1;
	int err = 0;

	while (!err && (obj = iommufd_object_get_next(ctx, &id))) {
		if (obj->type == IOMMUFD_OBJ_IOAS)
			err = add_stores(list, container_of(obj, struct iommufd_ioas,
							    obj));
		iommufd_object_put(ctx, obj);
		id++;
	}
	return err;
}

static int compare_pointers(const void *a, const void *b)
{
	const struct iommufd_store *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A store that several mappings share is charged once */
static int drop_duplicates(struct store_list *list)
{
	unsigned long i, nr = 0;
	int err;

	err = iommufd_sort(list->stores, list->nr,
			   IOMMUFD_SORT_WIDTH(list->stores), compare_pointers);
	if (err)
		return err;
	for (i = 0; i < list->nr; i++) {
		if (nr && list->stores[nr - 1] == list->stores[i])
			iommufd_store_put(list->stores[i]);
		else
			list->stores[nr++] = list->stores[i];
		cond_resched();
	}
	list->nr = nr;
	return 0;
}

/* Charge the caller; sets @prepaid to the number of pages */
static int prepay(const struct store_list *list, struct iommufd_account *to,
		  unsigned long *prepaid)
{
	unsigned long i, npages = 0;
	bool shared = false;
	int err = 0;

	for (i = 0; i < list->nr; i++) {
		if (!iommufd_store_transferable(list->stores[i]))
			return -EINVAL;
		if (fatal_signal_pending(current))
			return -EINTR;
		npages += iommufd_store_charge_of(list->stores[i], to,
						  &shared);
		cond_resched();
	}
	if (npages)
		err = iommufd_account_charge(to, npages);
	else if (shared)
		err = iommufd_account_check_limit(to);
	if (!err)
		*prepaid = npages;
	return err;
}

static int transfer_charges(struct store_list *list, struct iommufd_account *to)
{
	unsigned long i, prepaid;
	int err;

	err = drop_duplicates(list);
	if (!err)
		err = prepay(list, to, &prepaid);
	if (err)
		return err;
	for (i = 0; i < list->nr; i++) {
		iommufd_store_change_account(list->stores[i], to, &prepaid);
		cond_resched();
	}
	/* What was unpinned meanwhile */
	iommufd_account_uncharge(to, prepaid);
	return 0;
}

/**
 * iommufd_ioctl_ioas_change_process() - IOMMU_IOAS_CHANGE_PROCESS
 * @call: the call, with a &struct iommu_ioas_change_process
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP; -EBUSY while a mapping is being made; -EINVAL when
 * one is not of a memfd; -ENOMEM; -EINTR when the caller is being killed. On
 * error nothing has changed.
 */
int iommufd_ioctl_ioas_change_process(struct iommufd_call *call)
{
	struct iommu_ioas_change_process *arg = call->arg;
	struct iommufd_account *account;
	struct store_list list = {};
	int err;

	if (arg->__reserved)
		return -EOPNOTSUPP;

	err = add_all_stores(&list, call->ctx);
	if (err)
		goto out_free;
	account = iommufd_account_slot_get(&call->ctx->account,
					   call->ctx->account_mode);
	if (IS_ERR(account)) {
		err = PTR_ERR(account);
		goto out_free;
	}
	err = transfer_charges(&list, account);
	iommufd_account_put(account);
out_free:
	free_list(&list);
	return err;
}
