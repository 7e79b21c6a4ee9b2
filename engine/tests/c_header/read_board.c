/* Prints what it reads of one symbol of a board: read_board PATH SYMBOL. */
#include "depthlake_board.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void print_side(const char *name, const struct depthlake_level *levels, int count)
{
    for (int rank = 0; rank < count; rank++)
        printf("%s %" PRId64 " %" PRId64 "\n", name, levels[rank].price, levels[rank].quantity);
}

int main(int count, char **arguments)
{
    struct stat status;
    int file = count == 3 ? open(arguments[1], O_RDONLY) : -1;
    if (file < 0 || fstat(file, &status) != 0)
        return 2;
    void *board = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (board == MAP_FAILED)
        return 3;
    long slots = depthlake_slot_count(board, (size_t)status.st_size);
    printf("slots %ld\n", slots);
    const struct depthlake_slot *slot = slots < 0 ? NULL : depthlake_find(board, arguments[2]);
    if (slot == NULL)
        return 4;

    struct depthlake_touch touch;
    struct depthlake_ladder ladder;
    if (depthlake_read_touch(slot, &touch) != DEPTHLAKE_OK || depthlake_read_ladder(slot, &ladder) != DEPTHLAKE_OK)
        return 5;
    printf("touch %d %d %d %" PRIu64 " %" PRId64 "\n", touch.state, touch.price_scale, touch.quantity_scale,
        touch.update_id, touch.publish_time);
    print_side("best bid", &touch.bid, touch.has_bid);
    print_side("best ask", &touch.ask, touch.has_ask);
    printf("ladder %d %d %d %" PRIu64 " %" PRId64 "\n", ladder.state, ladder.price_scale, ladder.quantity_scale,
        ladder.update_id, ladder.publish_time);
    print_side("bid", ladder.bids, ladder.bid_levels);
    print_side("ask", ladder.asks, ladder.ask_levels);
    printf("same write %d\n", touch.sequence == ladder.sequence);
    printf("mid %.17g\n", depthlake_double(slot->mid));
    return 0;
}
