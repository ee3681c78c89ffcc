/* Kindred from C, by hiredis: hiredis plain PROTOCOL PORT ... */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { KEYS = 60, PATIENCE_MS = 20000 };

/* snippet */
/* A client of the first node that answers: every node takes every command for every key. */
static redisContext *any_node(char **ports, int count) {
  for (int node = 0; node < count; ++node) {
    const struct timeval timeout = {2, 0};
    redisContext *client = redisConnectWithTimeout("127.0.0.1", atoi(ports[node]), timeout);
    if (client != NULL && client->err == 0) {
      redisSetTimeout(client, timeout);
      return client;
    }
    redisFree(client);
  }
  return NULL;
}

/* Writes a version that replaces all that are there: those and the context come from one DGET. */
static void replace_versions(redisContext *client, const char *value) {
  redisReply *all = redisCommand(client, "DGET cart");
  if (all != NULL && all->type == REDIS_REPLY_ARRAY) {
    const redisReply *context = all->element[0]; /* all->element[1] holds the versions */
    freeReplyObject(redisCommand(client, "DPUT cart %b %s", context->str, context->len, value));
  }
  freeReplyObject(all);
}
/* end of snippet */

static void fail(const char *what, const char *said) {
  fprintf(stderr, "%s: %s\n", what, said);
  exit(1);
}

static long long now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static const char *text_of(const redisReply *reply) {
  static char number[32];
  if (reply->type == REDIS_REPLY_INTEGER) {
    snprintf(number, sizeof number, "%lld", reply->integer);
    return number;
  }
  return reply->type == REDIS_REPLY_NIL ? "nothing" : reply->str;
}

static void check(redisContext *client, redisReply *reply, const char *wanted) {
  if (reply == NULL) fail(wanted, client->errstr);
  if (reply->type == REDIS_REPLY_ARRAY) fail(wanted, "an array came");
  if (strcmp(text_of(reply), wanted) != 0) fail(wanted, text_of(reply));
  freeReplyObject(reply);
}

static void crud(redisContext *client) {
  check(client, redisCommand(client, "SET c 1"), "OK");
  check(client, redisCommand(client, "GET c"), "1");
  check(client, redisCommand(client, "INCRBY c 41"), "42");
  check(client, redisCommand(client, "SET c x NX"), "nothing");
  check(client, redisCommand(client, "DEL c"), "1");
  check(client, redisCommand(client, "GET c"), "nothing");
}

static void check_next(redisContext *client, const char *wanted) {
  void *reply = NULL;
  if (redisGetReply(client, &reply) != REDIS_OK) fail(wanted, client->errstr);
  check(client, reply, wanted);
}

static void pipeline(redisContext *client) {
  for (int number = 0; number < 100; ++number) redisAppendCommand(client, "SET c:%d x", number);
  for (int number = 0; number < 100; ++number) check_next(client, "OK");
}

static void transaction(redisContext *client) {
  check(client, redisCommand(client, "MULTI"), "OK");
  check(client, redisCommand(client, "SET c 1"), "QUEUED");
  check(client, redisCommand(client, "INCR c"), "QUEUED");
  redisReply *replies = redisCommand(client, "EXEC");
  if (replies == NULL || replies->type != REDIS_REPLY_ARRAY || replies->elements != 2)
    fail("EXEC", replies == NULL ? client->errstr : "not two replies");
  if (replies->element[1]->integer != 2) fail("EXEC", "not 2");
  freeReplyObject(replies);
}

static void expiry(redisContext *client) {
  check(client, redisCommand(client, "SET c 1 EX 100"), "OK");
  check(client, redisCommand(client, "PEXPIRE c 1"), "1");
  const long long deadline = now_ms() + PATIENCE_MS;
  for (int there = 1; there != 0;) {
    redisReply *reply = redisCommand(client, "EXISTS c");
    if (reply == NULL || now_ms() > deadline) fail("expiry", "the key is still there");
    there = (int)reply->integer;
    freeReplyObject(reply);
  }
}

static void scan(redisContext *client) {
  char cursor[32] = "0";
  int found[100] = {0};
  int different = 0;
  do {
    redisReply *reply = redisCommand(client, "SCAN %s MATCH c:* COUNT 50", cursor);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) fail("scan", "no array");
    snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
    for (size_t key = 0; key < reply->element[1]->elements; ++key) {
      const int number = atoi(reply->element[1]->element[key]->str + 2);
      if (number >= 0 && number < 100 && found[number]++ == 0) ++different;
    }
    freeReplyObject(reply);
  } while (strcmp(cursor, "0") != 0);
  if (different != 100) fail("scan", "keys are missing");
}

static void versions(redisContext *client) {
  const char *nothing = "";
  freeReplyObject(redisCommand(client, "DPUT cart %s apples", nothing));
  freeReplyObject(redisCommand(client, "DPUT cart %s pears", nothing));
  replace_versions(client, "plums");
  redisReply *reply = redisCommand(client, "DGET cart");
  if (reply == NULL || reply->element[1]->elements != 1) fail("DGET", "not one version");
  if (strcmp(reply->element[1]->element[0]->str, "plums") != 0) fail("DGET", "another version");
  freeReplyObject(reply);
  check(client, redisCommand(client, "DEL cart"), "1");
}

/* Writes while the node that was talked to is dead; what failed is tried again. */
static void survive(redisContext *client, char **ports, int count) {
  const long long started = now_ms();
  int errors = 0;
  for (int number = 0; number < KEYS;) {
    redisReply *reply =
        client == NULL ? NULL : redisCommand(client, "SET c:after:%d %d", number, number);
    if (reply != NULL && reply->type == REDIS_REPLY_STATUS) {
      ++number;
    } else {
      ++errors;
      printf("tried again after: %s\n", reply == NULL ? "no reply" : reply->str);
      if (now_ms() - started > PATIENCE_MS) fail("survive", "too long");
      redisFree(client);
      client = any_node(ports, count);
    }
    freeReplyObject(reply);
  }
  for (int number = 0; number < KEYS; ++number) {
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%d", number);
    check(client, redisCommand(client, "GET c:after:%d", number), wanted);
  }
  printf("survived: %d errors, %lld ms\n", errors, now_ms() - started);
  redisFree(client);
}

int main(int count, char **words) {
  static const struct {
    const char *name;
    void (*run)(redisContext *);
  } steps[] = {{"crud", crud},     {"pipeline", pipeline}, {"transaction", transaction},
               {"expiry", expiry}, {"scan", scan},         {"versions", versions}};
  setvbuf(stdout, NULL, _IOLBF, 0);
  redisContext *client = any_node(words + 3, count - 3);
  if (client == NULL) fail("connect", "no node answers");
  puts("connect");
  for (size_t step = 0; step < sizeof steps / sizeof *steps; ++step) {
    steps[step].run(client);
    puts(steps[step].name);
  }
  puts("lose a node");
  if (getchar() == EOF) fail("survive", "nobody said to go on");
  survive(client, words + 3, count - 3);
  return 0;
}
