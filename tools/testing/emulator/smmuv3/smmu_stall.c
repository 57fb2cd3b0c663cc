/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMMUv3 model: stalled transactions (3.12.2, 4.6)
 *
 * A transaction waits here with what is left of it until CMD_RESUME or
 * CMD_STALL_TERM. No invalidation touches it; a retry is translated anew.
 */

#include "qemu/osdep.h"
#include "smmu_model.h"

/**
 * struct SMMUStall - a transaction that waits
 * @req: request
 * @addr: first address that is left
 * @buf: data that is left
 * @len: bytes that are left
 * @client: is told of its end
 * @stag: names it, as long as it is recorded
 * @recorded: there is an event of it; else the event queue was full
 */
struct SMMUStall {
    SMMURequest req;
    uint64_t addr;
    void *buf;
    hwaddr len;
    PCIRequestClient client;
    uint16_t stag;
    bool recorded;
    QTAILQ_ENTRY(SMMUStall) next;
};

static bool stag_in_use(const SMMUModel *m, uint16_t stag)
{
    const SMMUStall *stall;

    QTAILQ_FOREACH(stall, &m->stalls, next) {
        if (stall->recorded && stall->stag == stag) {
            return true;
        }
    }
    return false;
}

/* A STAG that was answered is not used again at once, to show wrong answers */
static uint16_t new_stag(SMMUModel *m)
{
    do {
        m->last_stag++;
    } while (stag_in_use(m, m->last_stag));
    return m->last_stag;
}

/**
 * smmu_stall_add() - let a transaction wait
 * @m: model
 * @req: request
 * @addr: address at which it faulted
 * @buf: data that is left
 * @len: bytes that are left
 * @number: event
 * @fault: fields of the event
 *
 * Its event is recorded in any case (5.5). With a full or disabled queue the
 * event waits, too.
 */
void smmu_stall_add(SMMUModel *m, const SMMURequest *req, uint64_t addr,
                    void *buf, hwaddr len, int number, const SMMUFault *fault)
{
    SMMUStall *stall = g_new0(SMMUStall, 1);
    SMMUFault told = *fault;

    stall->req = *req;
    stall->addr = addr;
    stall->buf = buf;
    stall->len = len;
    stall->client = *req->client;
    stall->stag = told.stag = new_stag(m);
    told.stall = true;
    stall->recorded = smmu_event_record(m, req, addr, number, &told);
    QTAILQ_INSERT_TAIL(&m->stalls, stall, next);
}

static void end(SMMUModel *m, SMMUStall *stall, MemTxResult result)
{
    QTAILQ_REMOVE(&m->stalls, stall, next);
    stall->client.done(stall->client.opaque, result);
    g_free(stall);
}

/* The retry may fault and wait again, as a stall of its own */
static void retry(SMMUModel *m, SMMUStall *stall)
{
    MemTxResult result;

    QTAILQ_REMOVE(&m->stalls, stall, next);
    stall->req.client = &stall->client;
    result = smmu_request_dma(m, &stall->req, stall->addr, stall->buf,
                              stall->len);
    if (result != PCI_REQUEST_STALLED) {
        stall->client.done(stall->client.opaque, result);
    }
    g_free(stall);
}

/* Without an abort reads are 0, and writes go nowhere */
static void terminate(SMMUModel *m, SMMUStall *stall, bool abort)
{
    if (abort) {
        end(m, stall, MEMTX_ACCESS_ERROR);
        return;
    }
    if (!stall->req.write) {
        memset(stall->buf, 0, stall->len);
    }
    end(m, stall, MEMTX_OK);
}

/**
 * smmu_stall_resume() - CMD_RESUME
 * @m: model
 * @cmd: command
 *
 * One that names no stalled transaction does nothing (4.6.1).
 */
void smmu_stall_resume(SMMUModel *m, const Cmd *cmd)
{
    bool always_abort = FIELD_EX32(m->smmu->idr[0], IDR0, TERM_MODEL);
    SMMUStall *stall;

    QTAILQ_FOREACH(stall, &m->stalls, next) {
        if (stall->recorded && stall->stag == CMD_RESUME_STAG(cmd) &&
            stall->req.sid == CMD_SID(cmd)) {
            break;
        }
    }
    if (!stall) {
        return;
    }
    if (CMD_RESUME_AC(cmd)) {
        retry(m, stall);
    } else {
        terminate(m, stall, CMD_RESUME_AB(cmd) || always_abort);
    }
}

/**
 * smmu_stall_terminate() - CMD_STALL_TERM
 * @m: model
 * @sid: stream ID, all of whose transactions are aborted
 */
void smmu_stall_terminate(SMMUModel *m, uint32_t sid)
{
    SMMUStall *stall, *next;

    QTAILQ_FOREACH_SAFE(stall, &m->stalls, next, next) {
        if (stall->req.sid == sid) {
            terminate(m, stall, true);
        }
    }
}

/* A reset of the unit aborts what waits */
void smmu_stall_reset(SMMUModel *m)
{
    while (!QTAILQ_EMPTY(&m->stalls)) {
        terminate(m, QTAILQ_FIRST(&m->stalls), true);
    }
}

/**
 * smmu_stall_evaluate() - the event queue has room again
 * @m: model
 *
 * What could not be recorded is tried anew (7.2.1).
 */
void smmu_stall_evaluate(SMMUModel *m)
{
    SMMUStall *stall, *next;
    QTAILQ_HEAD(, SMMUStall) waiting = QTAILQ_HEAD_INITIALIZER(waiting);

    QTAILQ_FOREACH_SAFE(stall, &m->stalls, next, next) {
        if (!stall->recorded) {
            QTAILQ_REMOVE(&m->stalls, stall, next);
            QTAILQ_INSERT_TAIL(&waiting, stall, next);
        }
    }
    QTAILQ_FOREACH_SAFE(stall, &waiting, next, next) {
        QTAILQ_REMOVE(&waiting, stall, next);
        QTAILQ_INSERT_TAIL(&m->stalls, stall, next);
        retry(m, stall);
    }
}
