#pragma once

#include <sqlite3.h>

// A destructor that is a cast of -1, which Swift does not import: SQLite copies the bytes before the call returns.
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}
static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    // A null pointer would bind NULL, not an empty blob.
    return count == 0 ? sqlite3_bind_zeroblob(statement, index, 0)
                      : sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}

// Variadic functions do not reach Swift.
static inline int csqlite_set_defensive(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
}

// Keeps -wal and -shm when the last connection closes.
static inline int csqlite_persist_wal(sqlite3 *db) {
    int on = 1;
    return sqlite3_file_control(db, (char *)0, SQLITE_FCNTL_PERSIST_WAL, &on);
}
