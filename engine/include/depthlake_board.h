/*
 * The board: live order books in shared memory, read from C without locks.
 *
 * The board is a file of one struct depthlake_header followed by slot_count times struct depthlake_slot, in the byte order
 * of the machine. Map it read-only and check it with depthlake_slot_count; find your symbol with depthlake_find; then read as
 * often as you like with depthlake_read_touch and depthlake_read_ladder, which take tens of nanoseconds and never hold up the
 * writer. Everything here is for C11 with its atomics; nothing needs to be linked. engine/tests/c_header.rs has a program
 * that does all of it.
 *
 *     int file = open("depthlake-data/board", O_RDONLY);
 *     struct stat status;
 *     fstat(file, &status);
 *     const void *board = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
 *     long slots = depthlake_slot_count(board, (size_t)status.st_size);
 *     const struct depthlake_slot *slot = slots < 0 ? NULL : depthlake_find(board, "BTCUSDT");
 *     struct depthlake_touch touch;
 *     if (slot != NULL && depthlake_read_touch(slot, &touch) == DEPTHLAKE_OK)
 *         ...
 *
 * A writer that starts anew puts a new file in place of the old one, which stays as it was: when depthlake_header.closed is 1
 * or heartbeat is more than three seconds old, open the path again.
 */
#ifndef DEPTHLAKE_BOARD_H
#define DEPTHLAKE_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The version of the layout below. Programs must not read a board of another one. */
#define DEPTHLAKE_LAYOUT_VERSION 2
/* The levels that a board shows of each side. */
#define DEPTHLAKE_LEVELS 20
/* The bytes of a symbol, with the zeros that fill it up. */
#define DEPTHLAKE_SYMBOL_SIZE 24
/* A price that is not there. */
#define DEPTHLAKE_NO_PRICE INT64_MIN

enum depthlake_state {
    DEPTHLAKE_WAITING = 0,   /* no snapshot yet; the ladder is empty */
    DEPTHLAKE_LIVE = 1,      /* the book equals the venue's at update_id */
    DEPTHLAKE_RESYNCING = 2, /* an update was missed; the ladder is what was known before it */
    DEPTHLAKE_STALE = 3,     /* the venue has been silent for longer than it should be */
    DEPTHLAKE_HALTED = 4     /* the venue has stopped trading the symbol */
};

enum depthlake_taker { DEPTHLAKE_NO_TRADE = 0, DEPTHLAKE_BUYER = 1, DEPTHLAKE_SELLER = 2 };

/* Times are nanoseconds since 1970 UTC. All but heartbeat and closed stays as it was when the file was created. */
struct depthlake_header {
    char magic[8];                   /* "DEPTHBRD" */
    uint32_t layout_version;         /* DEPTHLAKE_LAYOUT_VERSION */
    uint32_t header_size;            /* where the first slot begins */
    uint32_t slot_size;              /* the distance between slots */
    uint32_t slot_count;
    uint32_t writer_pid;
    _Atomic uint32_t closed;         /* 0 while the board is written, 1 once its writer has ended in order */
    int64_t started;                 /* when the writer started */
    _Atomic int64_t heartbeat;       /* when it last said that it is alive */
    uint8_t reserved[80];
};

/* A price in units of 10^-price_scale and a quantity in units of 10^-quantity_scale. */
struct depthlake_atomic_level {
    _Atomic int64_t price;
    _Atomic int64_t quantity;
};

/* The bid and the ask of one rank. */
struct depthlake_rung {
    struct depthlake_atomic_level bid;
    struct depthlake_atomic_level ask;
};

/*
 * One symbol's book. Everything but symbol and wake is protected by sequence: read it as depthlake_read_ladder does. Doubles
 * are the bits of IEEE 754, not a number where unknown; depthlake_double turns them into a double.
 */
struct depthlake_slot {
    _Atomic uint64_t sequence;       /* odd while a write is under way; grows by two with each */
    _Atomic uint8_t state;           /* enum depthlake_state */
    _Atomic uint8_t price_scale;     /* decimal places of all prices */
    _Atomic uint8_t quantity_scale;  /* decimal places of all quantities */
    _Atomic uint8_t bid_levels;      /* how many rungs have a bid; the others hold what was left there */
    _Atomic uint8_t ask_levels;      /* how many rungs have an ask */
    _Atomic uint8_t trade_taker;     /* enum depthlake_taker, of the last trade */
    uint8_t reserved_flags[2];
    _Atomic uint64_t update_id;      /* the venue's id of the last update applied */
    _Atomic int64_t publish_time;    /* when the book of this slot was written */
    struct depthlake_rung rungs[DEPTHLAKE_LEVELS]; /* best first */
    _Atomic int64_t event_time;      /* when the venue made the last update */
    _Atomic int64_t receive_time;    /* when its frame was received */
    _Atomic uint64_t epoch;          /* counts the snapshots the book was built on */
    _Atomic int64_t bid_horizon;     /* below it the book is unknown; DEPTHLAKE_NO_PRICE where all is known */
    _Atomic int64_t ask_horizon;     /* above it the book is unknown */
    _Atomic uint64_t mid;            /* double, quote currency */
    _Atomic uint64_t spread_bps;     /* double, spread over mid in basis points */
    _Atomic uint64_t microprice;     /* double, quote currency */
    _Atomic uint64_t imbalance[4];   /* doubles, of the best 1, 5, 10 and 20 levels, -1 (only asks) to 1 (only bids) */
    _Atomic uint64_t bid_depth[3];   /* doubles, quote currency within 5, 10 and 25 basis points of mid */
    _Atomic uint64_t ask_depth[3];   /* doubles, the same of the ask side */
    _Atomic uint64_t order_flow_imbalance; /* double, base currency, since the epoch began */
    _Atomic int64_t trade_price;
    _Atomic int64_t trade_quantity;
    _Atomic int64_t trade_time;      /* when the last trade was made */
    _Atomic uint64_t events_applied;
    _Atomic uint64_t gaps;
    _Atomic uint64_t resyncs;
    _Atomic uint64_t dead_letters;
    _Atomic uint64_t ticker_agreements;
    _Atomic uint64_t ticker_disagreements;
    char symbol[DEPTHLAKE_SYMBOL_SIZE]; /* ASCII, filled with zeros, at least one */
    _Atomic uint32_t wake;           /* a futex, changed soon after each write */
    uint8_t reserved[100];
};

_Static_assert(sizeof(struct depthlake_header) == 128, "the header is 128 bytes");
_Static_assert(sizeof(struct depthlake_atomic_level) == 16, "a level is two words");
_Static_assert(sizeof(struct depthlake_rung) == 32, "a rung is two levels");
_Static_assert(sizeof(struct depthlake_slot) == 1024, "a slot is 1,024 bytes");
_Static_assert(offsetof(struct depthlake_header, closed) == 28, "closed is at 28");
_Static_assert(offsetof(struct depthlake_header, heartbeat) == 40, "heartbeat is at 40");
_Static_assert(offsetof(struct depthlake_slot, rungs) == 32, "the rungs begin at 32");
_Static_assert(offsetof(struct depthlake_slot, event_time) == 672, "what follows the rungs begins at 672");
_Static_assert(offsetof(struct depthlake_slot, mid) == 712, "the features begin at 712");
_Static_assert(offsetof(struct depthlake_slot, trade_price) == 824, "the last trade begins at 824");
_Static_assert(offsetof(struct depthlake_slot, events_applied) == 848, "the counters begin at 848");
_Static_assert(offsetof(struct depthlake_slot, symbol) == 896, "the symbol is at 896");
_Static_assert(offsetof(struct depthlake_slot, wake) == 920, "the wake word is at 920");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_CHAR_LOCK_FREE == 2, "atomics are plain loads");

enum depthlake_result {
    DEPTHLAKE_OK = 0,
    DEPTHLAKE_NOT_A_BOARD = -1,    /* another kind of file, or cut short */
    DEPTHLAKE_OTHER_VERSION = -2,  /* a board of another layout */
    DEPTHLAKE_BUSY = -3,           /* the writer was in the middle of a write all the time: try again, or it is dead */
    DEPTHLAKE_DAMAGED = -4         /* something else wrote to the file */
};

struct depthlake_level {
    int64_t price;
    int64_t quantity;
};

/* The best bid and ask. A side with has_... 0 is empty. */
struct depthlake_touch {
    uint64_t sequence;      /* differs from the last copy's exactly if something was written in between */
    uint64_t update_id;
    int64_t publish_time;
    uint8_t state;
    uint8_t price_scale;
    uint8_t quantity_scale;
    uint8_t has_bid;
    uint8_t has_ask;
    struct depthlake_level bid;
    struct depthlake_level ask;
};

/* All levels of both sides, best first. */
struct depthlake_ladder {
    uint64_t sequence;
    uint64_t update_id;
    int64_t publish_time;
    uint8_t state;
    uint8_t price_scale;
    uint8_t quantity_scale;
    uint8_t bid_levels;
    uint8_t ask_levels;
    struct depthlake_level bids[DEPTHLAKE_LEVELS];
    struct depthlake_level asks[DEPTHLAKE_LEVELS];
};

/* How often the functions below meet a write under way before they give up; a write takes some tens of nanoseconds. */
#define DEPTHLAKE_ATTEMPTS 10000

/* The slots of a mapped file of that many bytes, or a negative enum depthlake_result. */
static inline long depthlake_slot_count(const void *board, size_t bytes)
{
    const struct depthlake_header *header = (const struct depthlake_header *)board;
    if (bytes < sizeof(struct depthlake_header) || memcmp(header->magic, "DEPTHBRD", 8) != 0)
        return DEPTHLAKE_NOT_A_BOARD;
    if (header->layout_version != DEPTHLAKE_LAYOUT_VERSION)
        return DEPTHLAKE_OTHER_VERSION;
    if (header->header_size != sizeof(struct depthlake_header) || header->slot_size != sizeof(struct depthlake_slot))
        return DEPTHLAKE_NOT_A_BOARD;
    if ((bytes - sizeof(struct depthlake_header)) / sizeof(struct depthlake_slot) != header->slot_count)
        return DEPTHLAKE_NOT_A_BOARD;
    return (long)header->slot_count;
}

/* The first of the slots, which lie one after the other. */
static inline const struct depthlake_slot *depthlake_slots(const void *board)
{
    return (const struct depthlake_slot *)((const char *)board + sizeof(struct depthlake_header));
}

/* The slot of a symbol, or NULL. The board must have passed depthlake_slot_count. */
static inline const struct depthlake_slot *depthlake_find(const void *board, const char *symbol)
{
    const struct depthlake_header *header = (const struct depthlake_header *)board;
    const struct depthlake_slot *slots = depthlake_slots(board);
    for (uint32_t i = 0; i < header->slot_count; i++)
        if (strncmp(slots[i].symbol, symbol, DEPTHLAKE_SYMBOL_SIZE) == 0)
            return &slots[i];
    return NULL;
}

/* A double from its bits. */
static inline double depthlake_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The sequence before a copy; odd where a write is under way. */
static inline uint64_t depthlake_begin(const struct depthlake_slot *slot)
{
    return atomic_load_explicit(&((struct depthlake_slot *)slot)->sequence, memory_order_acquire);
}

/* Whether what was loaded since depthlake_begin is of one write. */
static inline int depthlake_is_whole(const struct depthlake_slot *slot, uint64_t sequence)
{
    atomic_thread_fence(memory_order_acquire);
    return sequence % 2 == 0
        && atomic_load_explicit(&((struct depthlake_slot *)slot)->sequence, memory_order_relaxed) == sequence;
}

/* Loads one word of a slot; to be used between depthlake_begin and depthlake_is_whole. */
#define DEPTHLAKE_LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)

/* Copies the best bid and ask. Returns DEPTHLAKE_OK, DEPTHLAKE_BUSY or DEPTHLAKE_DAMAGED. */
static inline int depthlake_read_touch(const struct depthlake_slot *mapped, struct depthlake_touch *touch)
{
    /* C11 has no atomic load from const; nothing is stored through this pointer. */
    struct depthlake_slot *slot = (struct depthlake_slot *)mapped;
    for (int attempt = 0; attempt < DEPTHLAKE_ATTEMPTS; attempt++) {
        touch->sequence = depthlake_begin(slot);
        touch->state = DEPTHLAKE_LOAD(slot->state);
        touch->price_scale = DEPTHLAKE_LOAD(slot->price_scale);
        touch->quantity_scale = DEPTHLAKE_LOAD(slot->quantity_scale);
        touch->has_bid = DEPTHLAKE_LOAD(slot->bid_levels) > 0;
        touch->has_ask = DEPTHLAKE_LOAD(slot->ask_levels) > 0;
        touch->update_id = DEPTHLAKE_LOAD(slot->update_id);
        touch->publish_time = DEPTHLAKE_LOAD(slot->publish_time);
        touch->bid.price = DEPTHLAKE_LOAD(slot->rungs[0].bid.price);
        touch->bid.quantity = DEPTHLAKE_LOAD(slot->rungs[0].bid.quantity);
        touch->ask.price = DEPTHLAKE_LOAD(slot->rungs[0].ask.price);
        touch->ask.quantity = DEPTHLAKE_LOAD(slot->rungs[0].ask.quantity);
        if (depthlake_is_whole(slot, touch->sequence))
            return touch->state > DEPTHLAKE_HALTED ? DEPTHLAKE_DAMAGED : DEPTHLAKE_OK;
    }
    return DEPTHLAKE_BUSY;
}

/* Copies all levels. Returns DEPTHLAKE_OK, DEPTHLAKE_BUSY or DEPTHLAKE_DAMAGED. */
static inline int depthlake_read_ladder(const struct depthlake_slot *mapped, struct depthlake_ladder *ladder)
{
    struct depthlake_slot *slot = (struct depthlake_slot *)mapped;
    for (int attempt = 0; attempt < DEPTHLAKE_ATTEMPTS; attempt++) {
        ladder->sequence = depthlake_begin(slot);
        ladder->state = DEPTHLAKE_LOAD(slot->state);
        ladder->price_scale = DEPTHLAKE_LOAD(slot->price_scale);
        ladder->quantity_scale = DEPTHLAKE_LOAD(slot->quantity_scale);
        ladder->bid_levels = DEPTHLAKE_LOAD(slot->bid_levels);
        ladder->ask_levels = DEPTHLAKE_LOAD(slot->ask_levels);
        ladder->update_id = DEPTHLAKE_LOAD(slot->update_id);
        ladder->publish_time = DEPTHLAKE_LOAD(slot->publish_time);
        for (int rank = 0; rank < DEPTHLAKE_LEVELS; rank++) {
            ladder->bids[rank].price = DEPTHLAKE_LOAD(slot->rungs[rank].bid.price);
            ladder->bids[rank].quantity = DEPTHLAKE_LOAD(slot->rungs[rank].bid.quantity);
            ladder->asks[rank].price = DEPTHLAKE_LOAD(slot->rungs[rank].ask.price);
            ladder->asks[rank].quantity = DEPTHLAKE_LOAD(slot->rungs[rank].ask.quantity);
        }
        if (depthlake_is_whole(slot, ladder->sequence)) {
            int fits = ladder->bid_levels <= DEPTHLAKE_LEVELS && ladder->ask_levels <= DEPTHLAKE_LEVELS;
            return fits && ladder->state <= DEPTHLAKE_HALTED ? DEPTHLAKE_OK : DEPTHLAKE_DAMAGED;
        }
    }
    return DEPTHLAKE_BUSY;
}

#endif
