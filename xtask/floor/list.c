/* The floor of `GET application/list`: the two queries, prepared once, in a loop, and nothing else.
 * Usage: list DATABASE TOKEN_SHA256_HEX SECONDS; prints the loops per second and the bytes of one list. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *TOKEN_QUERY =
    "SELECT t.id, u.id, u.username, t.expire_time, t.active_time FROM tokens t JOIN users u ON u.id = t.user_id "
    "WHERE t.token_sha256 = ? AND u.is_disabled = 0";
static const char *LIST_QUERY =
    "SELECT id, user_id, provider, provider_repo_id, repo_name, owner, repo_url, description, trigger_spec, "
    "secret_names, envs, latest_task, created_time, updated_time FROM applications WHERE user_id = ? "
    "ORDER BY updated_time DESC, created_time DESC, id DESC LIMIT 1001";

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void check(sqlite3 *db, int code, int wanted) {
    if (code != wanted) {
        fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    unsigned char hash[32];
    for (int i = 0; i < 32; i++) {
        unsigned value;
        if (sscanf(argv[2] + 2 * i, "%2x", &value) != 1) return 2;
        hash[i] = (unsigned char)value;
    }
    sqlite3 *db;
    sqlite3_stmt *token, *list;
    check(NULL, sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    check(db, sqlite3_prepare_v2(db, TOKEN_QUERY, -1, &token, NULL), SQLITE_OK);
    check(db, sqlite3_prepare_v2(db, LIST_QUERY, -1, &list, NULL), SQLITE_OK);
    double started = now(), seconds = atof(argv[3]);
    long n_loops = 0, n_bytes = 0, n_rows = 0;
    while (now() - started < seconds) {
        char user[128];
        sqlite3_bind_blob(token, 1, hash, sizeof hash, SQLITE_STATIC);
        check(db, sqlite3_step(token), SQLITE_ROW);
        snprintf(user, sizeof user, "%s", (const char *)sqlite3_column_text(token, 1));
        sqlite3_reset(token);
        sqlite3_bind_text(list, 1, user, -1, SQLITE_STATIC);
        n_bytes = n_rows = 0;
        int code;
        while ((code = sqlite3_step(list)) == SQLITE_ROW) {
            for (int column = 0; column < 14; column++) {
                const unsigned char *text = sqlite3_column_text(list, column);
                n_bytes += text ? (long)strlen((const char *)text) : 0;
            }
            n_rows++;
        }
        check(db, code, SQLITE_DONE);
        sqlite3_reset(list);
        n_loops++;
    }
    printf("%.1f %ld %ld\n", n_loops / (now() - started), n_rows, n_bytes);
    return 0;
}
