// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of object IDs and lifetimes.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>

#include "ioas.h"
#include "iommufd_private.h"
#include "object.h"

static int object_test_init(struct kunit *test)
{
	test->priv = iommufd_ctx_create();
	return test->priv ? 0 : -ENOMEM;
}

static void object_test_exit(struct kunit *test)
{
	if (test->priv)
		iommufd_ctx_destroy(test->priv);
}

static struct iommufd_object *make_ioas(struct kunit *test)
{
	struct iommufd_ioas *ioas = iommufd_ioas_alloc(test->priv);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ioas);
	return &ioas->obj;
}

static long get_error(struct iommufd_ctx *ctx, u32 id,
		      enum iommufd_object_type type)
{
	struct iommufd_object *obj = iommufd_object_get(ctx, id, type);

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	iommufd_object_put(ctx, obj);
	return 0;
}

static void id_finds_nothing_before_publish(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);
	u32 id = obj->id;

	KUNIT_EXPECT_EQ(test, id, 1);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_ANY), -ENOENT);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, id), -ENOENT);
	/* but it is taken */
	KUNIT_EXPECT_FALSE(test, xa_empty(&ctx->objects));

	iommufd_object_publish(ctx, obj);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_ANY), 0);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), 0);
}

static void abort_frees_the_id(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);

	iommufd_ioas_destroy(obj);
	iommufd_object_abort(ctx, obj);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

static void wrong_kind_and_wrong_id_find_nothing(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);

	iommufd_object_publish(ctx, obj);
	KUNIT_EXPECT_EQ(test, get_error(ctx, obj->id, IOMMUFD_OBJ_DEVICE),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, get_error(ctx, 0, IOMMUFD_OBJ_ANY), -ENOENT);
	KUNIT_EXPECT_EQ(test, get_error(ctx, 2, IOMMUFD_OBJ_ANY), -ENOENT);
	KUNIT_EXPECT_EQ(test, get_error(ctx, U32_MAX, IOMMUFD_OBJ_ANY),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, 0), -ENOENT);
}

static void what_was_found_last_is_forgotten(struct kunit *test)
{
	struct iommufd_object *one = make_ioas(test), *other = make_ioas(test);
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *found;
	u32 id = one->id;

	iommufd_object_publish(ctx, one);
	iommufd_object_publish(ctx, other);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), 0);
	KUNIT_EXPECT_EQ(test, get_error(ctx, other->id, IOMMUFD_OBJ_IOAS), 0);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), 0);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_DEVICE), -ENOENT);
	KUNIT_ASSERT_EQ(test, iommufd_object_destroy(ctx, id), 0);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), -ENOENT);
	KUNIT_EXPECT_EQ(test, get_error(ctx, other->id, IOMMUFD_OBJ_IOAS), 0);

	/* The next object gets the ID */
	one = make_ioas(test);
	KUNIT_ASSERT_EQ(test, one->id, id);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), -ENOENT);
	iommufd_object_publish(ctx, one);
	found = iommufd_object_get(ctx, id, IOMMUFD_OBJ_IOAS);
	KUNIT_EXPECT_PTR_EQ(test, found, one);
	if (!IS_ERR(found))
		iommufd_object_put(ctx, found);
}

static void users_keep_the_object(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);
	u32 id = obj->id;

	iommufd_object_add_user(obj);
	iommufd_object_publish(ctx, obj);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, id), -EBUSY);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_IOAS), 0);

	iommufd_object_drop_user(obj);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, id), 0);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, id), -ENOENT);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

struct destroyer {
	struct iommufd_ctx *ctx;
	u32 id;
	int result;
	struct completion done;
};

static int destroy_thread(void *data)
{
	struct destroyer *destroyer = data;

	destroyer->result = iommufd_object_destroy(destroyer->ctx,
						   destroyer->id);
	complete(&destroyer->done);
	return 0;
}

/* Start a destroy of @obj and wait until it has hidden the ID */
static void start_destroy(struct kunit *test, struct destroyer *destroyer,
			  struct iommufd_object *obj)
{
	struct task_struct *task;

	destroyer->ctx = test->priv;
	destroyer->id = obj->id;
	init_completion(&destroyer->done);
	task = kthread_run(destroy_thread, destroyer, "iommufd-destroy");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (!get_error(test->priv, obj->id, IOMMUFD_OBJ_ANY))
		usleep_range(1000, 2000);
}

static void destroy_waits_for_calls(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);
	struct destroyer destroyer;

	iommufd_object_publish(ctx, obj);
	obj = iommufd_object_get(ctx, obj->id, IOMMUFD_OBJ_IOAS);
	start_destroy(test, &destroyer, obj);
	KUNIT_EXPECT_FALSE(test, completion_done(&destroyer.done));

	iommufd_object_put(ctx, obj);
	wait_for_completion(&destroyer.done);
	KUNIT_EXPECT_EQ(test, destroyer.result, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

static void call_that_became_a_user_saves_the_object(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);
	struct destroyer destroyer;

	iommufd_object_publish(ctx, obj);
	obj = iommufd_object_get(ctx, obj->id, IOMMUFD_OBJ_IOAS);
	start_destroy(test, &destroyer, obj);

	iommufd_object_add_user(obj);
	iommufd_object_put(ctx, obj);
	wait_for_completion(&destroyer.done);
	KUNIT_EXPECT_EQ(test, destroyer.result, -EBUSY);
	/* and everything is as before */
	KUNIT_EXPECT_EQ(test, get_error(ctx, obj->id, IOMMUFD_OBJ_IOAS), 0);
	iommufd_object_drop_user(obj);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, obj->id), 0);
}

static void retire_drops_the_last_user(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);

	iommufd_object_add_user(obj);
	iommufd_object_publish(ctx, obj);
	iommufd_object_retire(ctx, obj);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

/* As the kind does before the memory goes */
static void take_apart_and_bury(struct iommufd_ctx *ctx,
				struct iommufd_object *obj)
{
	iommufd_ioas_destroy(obj);
	iommufd_object_bury(ctx, obj);
}

static void buried_object_keeps_its_id(struct kunit *test)
{
	struct iommufd_object *obj = make_ioas(test), *next;
	struct iommufd_ctx *ctx = test->priv;
	unsigned long id = obj->id;

	iommufd_object_publish(ctx, obj);
	KUNIT_ASSERT_TRUE(test, iommufd_object_hide(ctx, obj));
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_ANY), -ENOENT);
	take_apart_and_bury(ctx, obj);
	KUNIT_EXPECT_EQ(test, get_error(ctx, id, IOMMUFD_OBJ_ANY), -ENOENT);
	KUNIT_EXPECT_EQ(test, iommufd_object_destroy(ctx, id), -ENOENT);
	KUNIT_EXPECT_NULL(test, iommufd_object_get_next(ctx, &id));

	next = make_ioas(test);
	KUNIT_EXPECT_EQ(test, next->id, 2);
	iommufd_object_publish(ctx, next);
	/* The end of the context complains about objects, not about IDs */
	iommufd_object_destroy_all(ctx);
	KUNIT_EXPECT_FALSE(test, xa_empty(&ctx->objects));
}

static void destroy_that_has_begun_goes_on(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *obj = make_ioas(test);
	struct destroyer destroyer;

	iommufd_object_publish(ctx, obj);
	obj = iommufd_object_get(ctx, obj->id, IOMMUFD_OBJ_IOAS);
	start_destroy(test, &destroyer, obj);

	KUNIT_EXPECT_FALSE(test, iommufd_object_hide(ctx, obj));
	iommufd_object_put(ctx, obj);
	wait_for_completion(&destroyer.done);
	KUNIT_EXPECT_EQ(test, destroyer.result, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

static void discarded_object_frees_its_id(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;

	/* The kind takes it apart: no memory of it is left, either */
	iommufd_object_discard(ctx, make_ioas(test));
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

static void walk_skips_what_is_not_published(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *first = make_ioas(test);
	struct iommufd_object *hidden = make_ioas(test);
	struct iommufd_object *last = make_ioas(test);
	struct iommufd_object *obj;
	unsigned long id = 1;

	iommufd_object_publish(ctx, first);
	iommufd_object_publish(ctx, last);

	obj = iommufd_object_get_next(ctx, &id);
	KUNIT_EXPECT_PTR_EQ(test, obj, first);
	iommufd_object_put(ctx, obj);
	id++;
	obj = iommufd_object_get_next(ctx, &id);
	KUNIT_EXPECT_PTR_EQ(test, obj, last);
	iommufd_object_put(ctx, obj);
	id++;
	KUNIT_EXPECT_NULL(test, iommufd_object_get_next(ctx, &id));
	iommufd_object_publish(ctx, hidden);
}

static void context_takes_everything_along(struct kunit *test)
{
	struct iommufd_ctx *ctx = test->priv;
	struct iommufd_object *objs[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = make_ioas(test);
		iommufd_object_publish(ctx, objs[i]);
	}
	iommufd_object_destroy_all(ctx);
	KUNIT_EXPECT_TRUE(test, xa_empty(&ctx->objects));
}

static struct kunit_case object_cases[] = {
	KUNIT_CASE(id_finds_nothing_before_publish),
	KUNIT_CASE(abort_frees_the_id),
	KUNIT_CASE(wrong_kind_and_wrong_id_find_nothing),
	KUNIT_CASE(what_was_found_last_is_forgotten),
	KUNIT_CASE(users_keep_the_object),
	KUNIT_CASE(destroy_waits_for_calls),
	KUNIT_CASE(call_that_became_a_user_saves_the_object),
	KUNIT_CASE(retire_drops_the_last_user),
	KUNIT_CASE(buried_object_keeps_its_id),
	KUNIT_CASE(destroy_that_has_begun_goes_on),
	KUNIT_CASE(discarded_object_frees_its_id),
	KUNIT_CASE(walk_skips_what_is_not_published),
	KUNIT_CASE(context_takes_everything_along),
	{}
};

static struct kunit_suite object_suite = {
	.name = "iommufd_object",
	.init = object_test_init,
	.exit = object_test_exit,
	.test_cases = object_cases,
};

kunit_test_suite(object_suite);
