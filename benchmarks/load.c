/* Load and provider of the benchmarks, in one process and one thread.
 *
 * It is the client of a gateway and the provider behind it at once, and while it measures it asks the system for news without sleeping:
 * what it times is then not its own waking up, nor a client that waits for the provider to leave their common core. Between two
 * commands it sleeps. It listens on a port of 127.0.0.1, says it on its first line, takes one command a line, answers each with one line
 * of JSON, and ends with its standard input. Started as `load doze` it sleeps while it measures, too: that is for a machine which others use,
 * under a real-time policy that wakes it at once.
 *
 *   mix PORT SECONDS CONNECTIONS FILE RATE …      whole answers, of up to four kinds of clients, each at its rate a second and at
 *                                                 random (exponential) intervals, whether or not earlier ones were answered
 *   streams PORT FILE SECONDS AT_ONCE TOTAL       streams, so many at once, for a time or until so many were begun (0: no bound)
 *   pace FRAMES MICROSECONDS                      what the provider's streams are from now on
 *   delay MICROSECONDS                            how long the provider takes for a whole answer from now on
 *
 * FILE holds a request as it goes over the wire, with `#000000#` in its body: the digits become the request's number. The provider answers
 * with a fixed body, or, where the request has `"stream":true`, with numbered frames, the first at once, each further one its time
 * after the one before; the last has the finish reason and is followed by [DONE] in the same write. The client looks for its number
 * and the count in every frame: a stream is whole when all came, once, in order, and with its end.
 *
 * What must not live here: what is measured when, and what is made of it (gateway.py, peers.py).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM 16384  /* bytes of a request or of an answer's head that are kept */
#define MOST 4096   /* connections of a kind */
#define SAMPLES 1000000
#define KINDS 4       /* of clients */

enum kind { INPUT, LISTENER, PROVIDER, CLIENT };
enum client_state { IDLE, AWAITS_HEAD, IN_BODY };

struct conn {
    enum kind kind;
    int fd;
    char in[ROOM];
    size_t have;
    /* provider */
    int number, frame, usage;
    int64_t due;
    struct conn *next;
    /* client */
    enum client_state state;
    int chunked, seen, done, broken, closes, status, waits, of;
    int64_t left, begun, first;   /* left: bytes of the body or of the chunk; -1 at a chunk's size line */
    int trailer;
    char line[ROOM];
    size_t filled;
};

static int ep, frames = 53, listening;
static int64_t pace = 5000000, delay;
static struct queue { struct conn *head, *tail; } paced, delayed;   /* what the provider owes, by when it is due */
static struct client {                                              /* of one kind */
    char *request;
    size_t size, mark;
    float *samples;
    long count, asked, answered, refused_429, refused_503, untold;  /* untold: refused without a Retry-After */
    double rate;
    int64_t next;
} clients[KINDS];
static float *samples_a, *samples_b;
static long count_a, count_b, whole, failed, waited, begun, frames_seen;
static int streaming, next_number;
static const char ANSWER[] =
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"A fixed answer.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":9,\"total_tokens\":239}}";

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *why) {
    fprintf(stderr, "load: %s (%s)\n", why, strerror(errno));
    exit(1);
}

static double uniform(void) {
    static uint64_t x = 88172645463325252ULL;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (double)(x >> 11) / 9007199254740992.0;
}

static void watch(struct conn *c) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) die("epoll");
}

static struct conn *fresh(enum kind kind, int fd) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) die("memory");
    c->kind = kind, c->fd = fd;
    if (kind == PROVIDER || kind == CLIENT) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    watch(c);
    return c;
}

/* All of it or the end of the benchmark: what is written here fits into a socket's buffer many times over. */
static int put(int fd, const char *bytes, size_t size) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size) return 1;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return 0;
    die("a socket took less than a frame");
    return 0;
}

/* --- the provider ------------------------------------------------------------------------------------------------------------------ */

static size_t event(char *at, const char *form, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, form);
    int size = vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    return (size_t)sprintf(at, "%x\r\n%s\r\n", size, text);
}

#define CHUNK "data: {\"id\":\"chatcmpl-%d\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":"

/* Each queue has one interval, so that what was put in first is due first. */
static void owe(struct queue *q, struct conn *c, int64_t at) {
    c->due = at, c->next = NULL;
    if (q->tail) q->tail->next = c; else q->head = c;
    q->tail = c;
}

static void next_frame(struct conn *c, int64_t at, size_t head, char *out) {
    int last = c->frame == frames - 1;
    size_t size = head + event(out + head, CHUNK "[{\"index\":0,\"delta\":{%s\"content\":\"%d-%d \"},\"finish_reason\":%s}]}\n\n",
                               c->number, c->frame ? "" : "\"role\":\"assistant\",", c->number, c->frame, last ? "\"stop\"" : "null");
    c->frame++;
    if (last) {
        if (c->usage)
            size += event(out + size, CHUNK "[],\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                          c->number, frames, 230 + frames);
        size += event(out + size, "data: [DONE]\n\n");
        size += (size_t)sprintf(out + size, "0\r\n\r\n");
    }
    if (!put(c->fd, out, size) || last) {
        c->due = 0;
        return;
    }
    owe(&paced, c, at + pace);
}

static void answer_whole(struct conn *c) {
    char out[4096];
    int size = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", sizeof ANSWER - 1,
                       ANSWER);
    put(c->fd, out, (size_t)size);
    c->due = 0;
}

static struct conn *due(struct queue *q, int64_t now) {
    struct conn *c = q->head;
    if (!c || c->due > now) return NULL;
    q->head = c->next;
    if (!q->head) q->tail = NULL;
    return c;
}

static void serve_due(int64_t now) {
    char out[4096];
    struct conn *c;
    while ((c = due(&paced, now))) if (c->fd < 0) free(c); else next_frame(c, now, 0, out);
    while ((c = due(&delayed, now))) if (c->fd < 0) free(c); else answer_whole(c);
}

static void serve(struct conn *c) {
    for (;;) {
        char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end) return;
        *end = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        size_t body = length ? strtoul(length + 17, NULL, 10) : 0, head = (size_t)(end - c->in) + 4;
        *end = '\r';
        if (head + body > sizeof c->in) die("a request is larger than the provider's room");
        if (c->have < head + body) return;
        char *from = c->in + head, *number = memmem(from, body, "#", 1), out[4096];
        c->number = number ? atoi(number + 1) : 0;
        if (memmem(from, body, "\"stream\":true", 13) || memmem(from, body, "\"stream\": true", 14)) {
            c->frame = 0, c->usage = memmem(from, body, "include_usage", 13) != NULL;
            size_t size = (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            next_frame(c, now_ns(), size, out);
        } else {
            if (delay) owe(&delayed, c, now_ns() + delay); else answer_whole(c);
        }
        c->have -= head + body;
        memmove(c->in, c->in + head + body, c->have);
    }
}

/* --- the client -------------------------------------------------------------------------------------------------------------------- */

static int port_of_target;

static struct conn *dial(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of_target), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
    return fresh(CLIENT, fd);
}

static struct conn *idle[MOST];
static int idle_count, open_count;

static void close_conn(struct conn *c) {
    close(c->fd);
    c->fd = -1;
    if (c->kind == CLIENT) open_count--;
    if (!c->due) free(c);  /* else it is in the provider's queue, which frees it */
}

static void ask(struct conn *c, int of) {
    char digits[8];
    struct client *k = &clients[of];
    next_number = next_number % 999999 + 1;
    snprintf(digits, sizeof digits, "%06d", next_number);
    memcpy(k->request + k->mark, digits, 6);
    c->number = next_number, c->state = AWAITS_HEAD, c->of = of;
    c->have = c->filled = 0;
    c->seen = c->done = c->broken = c->trailer = c->status = c->waits = 0;
    c->first = 0, c->begun = now_ns(), begun++, k->asked++;
    if (!put(c->fd, k->request, k->size)) c->broken = 1;
}

static void complain(struct conn *c, const char *why) {
    static int told;
    c->broken = 1;
    if (told++ < 5) fprintf(stderr, "load: %s: %.600s\n", why, c->state == IN_BODY && c->filled ? c->line : c->in);
}

static void over(struct conn *c) {
    int64_t now = now_ns();
    if (streaming && !c->broken && (c->seen != frames || !c->done)) complain(c, "not all frames came");
    struct client *k = &clients[c->of];
    if (c->broken) failed++;
    else whole++;
    if (!c->broken && streaming && count_a < SAMPLES) {
        samples_a[count_a++] = (float)(c->first - c->begun) / 1e3f;
        samples_b[count_b++] = (float)(now - c->begun) / 1e3f;
    } else if (!c->broken && c->status == 200) {
        k->answered++;
        if (k->count < SAMPLES) k->samples[k->count++] = (float)(now - c->begun) / 1e3f;
    } else if (!c->broken) {
        *(c->status == 429 ? &k->refused_429 : &k->refused_503) += 1;
        k->untold += !c->waits;
    }
    c->state = IDLE;
    if (c->closes || c->broken) close_conn(c);
    else idle[idle_count++] = c;
}

static void one_line(struct conn *c) {
    c->line[c->filled] = 0;
    if (strncmp(c->line, "data:", 5)) return;
    if (strstr(c->line, "[DONE]")) { c->done = 1; return; }
    char *at = strstr(c->line, "\"content\":"), *dash;
    if (!at) return;  /* usage */
    for (at += 10; *at == ' ' || *at == '"';) at++;
    while (*at >= '0' && *at <= '9') {  /* a gateway may join the texts of frames */
        long number = strtol(at, &dash, 10), index = *dash == '-' ? strtol(dash + 1, &at, 10) : -1;
        if (number != c->number || index != c->seen) { complain(c, "a frame of another stream, or out of order"); return; }
        if (!c->first) c->first = now_ns();
        c->seen++, frames_seen++;
        while (*at == ' ') at++;
    }
}

static void take(struct conn *c, const char *bytes, size_t size) {
    if (!streaming) return;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') { one_line(c); c->filled = 0; }
        else if (c->filled < sizeof c->line - 1) c->line[c->filled++] = bytes[i];
    }
}

/* → 1 when the answer is complete */
static int body(struct conn *c, const char *bytes, size_t size) {
    while (size || (!c->chunked && !c->left)) {
        if (!c->chunked) {
            size_t part = (int64_t)size < c->left ? size : (size_t)c->left;
            take(c, bytes, part);
            c->left -= (int64_t)part;
            return c->left == 0;
        }
        if (c->left > 0) {
            size_t part = (int64_t)size < c->left ? size : (size_t)c->left;
            if (c->left > 2) take(c, bytes, (int64_t)part < c->left - 2 ? part : (size_t)(c->left - 2));
            c->left -= (int64_t)part, bytes += part, size -= part;
            if (!c->left) c->left = -1, c->have = 0;
            continue;
        }
        char letter = *bytes++;
        size--;
        if (letter != '\n') {
            if (c->have < 64) c->in[c->have++] = letter;
            continue;
        }
        c->in[c->have] = 0, c->have = 0;
        if (c->trailer) {
            if (c->in[0] == '\r' || !c->in[0]) return 1;
            continue;
        }
        c->left = strtol(c->in, NULL, 16);
        if (c->left) c->left += 2; else c->trailer = 1, c->left = -1;
    }
    return 0;
}

static void heard(struct conn *c, char *bytes, size_t size) {
    if (c->state == IDLE) { complain(c, "an answer that nobody asked for"); return; }
    if (c->state == AWAITS_HEAD) {
        if (c->have + size >= sizeof c->in) die("an answer's head is too large");
        memcpy(c->in + c->have, bytes, size);
        c->have += size, c->in[c->have] = 0;
        char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end) return;
        c->status = atoi(c->in + 9);
        if (c->status != 200 && (streaming || (c->status != 429 && c->status != 503))) { complain(c, "not a 200"); over(c); return; }
        *end = 0;
        c->waits = strcasestr(c->in, "\r\nretry-after:") != NULL;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        c->chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
        c->closes = strcasestr(c->in, "\r\nconnection: close") != NULL;
        c->left = c->chunked ? -1 : length ? strtol(length + 17, NULL, 10) : INT64_MAX;
        size_t rest = c->have - (size_t)(end + 4 - c->in);
        bytes = bytes + size - rest, size = rest;
        c->state = IN_BODY, c->have = 0;
    }
    if (body(c, bytes, size)) over(c);
}

/* --- what happens ------------------------------------------------------------------------------------------------------------------ */

static char piece[262144];

static void happen(struct conn *c) {
    if (c->kind == LISTENER) {
        int fd;
        while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) fresh(PROVIDER, fd);
        return;
    }
    if (c->kind == PROVIDER) {
        if (c->have == sizeof c->in) die("a request is larger than the provider's room");
        ssize_t got = recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);
        if (got > 0) { c->have += (size_t)got; serve(c); }
        else if (got == 0 || errno != EAGAIN) close_conn(c);
        return;
    }
    ssize_t got = recv(c->fd, piece, sizeof piece, 0);
    if (got > 0) { heard(c, piece, (size_t)got); return; }
    if (got < 0 && errno == EAGAIN) return;
    if (c->state == IDLE) {
        for (int i = 0; i < idle_count; i++) if (idle[i] == c) idle[i] = idle[--idle_count];
        close_conn(c);
    } else {
        c->closes = 1;
        if (c->state == IN_BODY && !c->chunked && c->left > INT64_MAX / 2) over(c);
        else { complain(c, "the connection ended before the answer did"); over(c); }
    }
}

static int dozing;

/* Waits for news until then, and not beyond what the provider owes; without sleeping, unless told to doze. */
static void look_until(int64_t at) {
    struct epoll_event news[256];
    struct timespec wait = {0};
    if (dozing || at == INT64_MAX) {
        if (paced.head && paced.head->due < at) at = paced.head->due;
        if (delayed.head && delayed.head->due < at) at = delayed.head->due;
        int64_t left = at - now_ns();
        if (left > 1000000000) left = 1000000000;
        if (left > 0) wait.tv_sec = left / 1000000000, wait.tv_nsec = left % 1000000000;
    }
    int n = epoll_pwait2(ep, news, 256, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *c = news[i].data.ptr;
        if (c->kind != INPUT) happen(c);
    }
    serve_due(now_ns());
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void tell(const char *name, float *samples, long count) {
    qsort(samples, (size_t)count, sizeof *samples, by_size);
    static const double shares[] = {0.5, 0.95, 0.99, 0.999};
    static const char *names[] = {"p50", "p95", "p99", "p99.9"};
    printf("\"%s\":{", name);
    for (int i = 0; i < 4 && count; i++)
        printf("\"%s\":%.1f,", names[i], (double)samples[(long)(shares[i] * (double)(count - 1) + 0.5)]);
    printf("\"most\":%.1f}", count ? (double)samples[count - 1] : 0.0);
}

static void read_request(int of, const char *path, double rate) {
    struct client *k = &clients[of];
    FILE *file = fopen(path, "rb");
    if (!file) die("the request's file");
    if (!k->request && (!(k->request = malloc(ROOM)) || !(k->samples = malloc(SAMPLES * sizeof *k->samples)))) die("memory");
    k->size = fread(k->request, 1, ROOM, file);
    fclose(file);
    char *at = memmem(k->request, k->size, "#000000#", 8);
    if (!at) die("the request has no #000000#");
    k->mark = (size_t)(at - k->request) + 1, k->rate = rate;
    k->count = k->asked = k->answered = k->refused_429 = k->refused_503 = k->untold = 0;
}

static void clear(int port, int connections) {
    while (idle_count) close_conn(idle[--idle_count]);
    port_of_target = port;
    count_a = count_b = whole = failed = waited = begun = frames_seen = 0;
    for (int i = 0; i < connections && i < MOST; i++) idle[idle_count++] = dial(), open_count++;
    int64_t until = now_ns() + 50000000;
    while (now_ns() < until) look_until(until);
}

static struct conn *one_idle(int most) {
    if (!idle_count && open_count < most) { open_count++; return dial(); }  /* one that was closed is replaced */
    return idle_count ? idle[--idle_count] : NULL;
}

static void run_mix(int port, double seconds, int connections, int kinds) {
    streaming = 0;
    clear(port, connections);
    int64_t start = now_ns(), until = start + (int64_t)(seconds * 1e9), give_up = until + 20000000000;
    for (int i = 0; i < kinds; i++) clients[i].next = start + (int64_t)(-log(1.0 - uniform()) / clients[i].rate * 1e9);
    for (;;) {
        int of = 0;
        for (int i = 1; i < kinds; i++) if (clients[i].next < clients[of].next) of = i;
        int64_t at = clients[of].next;
        if (at >= until) break;
        clients[of].next += (int64_t)(-log(1.0 - uniform()) / clients[of].rate * 1e9);
        while (now_ns() < at) look_until(at);
        struct conn *c = one_idle(connections);
        if (!c) waited++;
        while (!c && now_ns() < give_up) look_until(give_up), c = one_idle(connections);
        if (!c) break;
        if (count_b < SAMPLES) samples_b[count_b++] = (float)(now_ns() - at) / 1e3f;
        ask(c, of);
    }
    while (whole + failed < begun && now_ns() < give_up) look_until(give_up);
    printf("{\"failed\":%ld,\"unanswered\":%ld,\"waited\":%ld,\"drained_s\":%.3f,\"kinds\":[", failed, begun - whole - failed, waited,
           (double)(now_ns() - until) / 1e9);
    for (int i = 0; i < kinds; i++) {
        struct client *k = &clients[i];
        printf("%s{\"asked\":%ld,\"answered\":%ld,\"429\":%ld,\"503\":%ld,\"without_retry_after\":%ld,", i ? "," : "", k->asked,
               k->answered, k->refused_429, k->refused_503, k->untold);
        tell("us", k->samples, k->count);
        printf("}");
    }
    printf("],");
    tell("late_us", samples_b, count_b);
    printf("}\n");
}

static void run_streams(int port, double seconds, int at_once, long total) {
    streaming = 1;
    clear(port, at_once);
    int64_t start = now_ns(), until = seconds > 0 ? start + (int64_t)(seconds * 1e9) : INT64_MAX, next = start;
    int64_t give_up = (seconds > 0 ? until : start) + 60000000000;
    /* Where streams follow each other they begin at random, a little more often than they end: no convoy forms. */
    double gap = total && total <= at_once ? 0.0 : 0.8 * (double)(pace * frames) / at_once;
    for (;;) {
        int64_t now = now_ns();
        long busy = begun - whole - failed;
        int more = now < until && (!total || begun < total);
        if ((!more && !busy) || now > give_up) break;
        if (more && busy < at_once && now >= next) {
            struct conn *c = one_idle(at_once);
            if (c) ask(c, 0);
            next = now + (int64_t)(uniform() * 2.0 * gap);
            if (next <= now) continue;
        }
        look_until(more && busy < at_once ? next : give_up);
    }
    printf("{\"streams\":%ld,\"whole\":%ld,\"broken\":%ld,\"unanswered\":%ld,\"frames\":%ld,\"seconds\":%.3f,", begun, whole, failed,
           begun - whole - failed, frames_seen, (double)(now_ns() - start) / 1e9);
    tell("first_us", samples_a, count_a);
    printf(",");
    tell("total_us", samples_b, count_b);
    printf("}\n");
}

int main(int count, char **arguments) {
    dozing = count > 1 && !strcmp(arguments[1], "doze");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    samples_a = malloc(SAMPLES * sizeof *samples_a), samples_b = malloc(SAMPLES * sizeof *samples_b);
    ep = epoll_create1(EPOLL_CLOEXEC);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    if (bind(listening, (struct sockaddr *)&a, sizeof a) || listen(listening, 4096)) die("listen");
    getsockname(listening, (struct sockaddr *)&a, &size);
    fresh(LISTENER, listening);
    fresh(INPUT, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"port\":%d}\n", ntohs(a.sin_port));
    fcntl(0, F_SETFL, O_NONBLOCK);
    char command[2048];
    size_t have = 0;
    for (;;) {
        look_until(INT64_MAX);
        ssize_t got = read(0, command + have, sizeof command - 1 - have);
        if (got == 0) return 0;
        if (got < 0) continue;
        have += (size_t)got, command[have] = 0;
        char *end;
        while ((end = strchr(command, '\n'))) {
            *end = 0;
            char path[1024];
            int port, connections, used, kinds = 0;
            double rate, seconds, us;
            long total;
            if (sscanf(command, "mix %d %lf %d%n", &port, &seconds, &connections, &used) == 3) {
                for (char *rest = command + used; kinds < KINDS && sscanf(rest, "%1023s %lf%n", path, &rate, &used) == 2; rest += used)
                    read_request(kinds++, path, rate);
                run_mix(port, seconds, connections < MOST ? connections : MOST, kinds);
            } else if (sscanf(command, "streams %d %1023s %lf %d %ld", &port, path, &seconds, &connections, &total) == 5) {
                read_request(0, path, 0);
                run_streams(port, seconds, connections < MOST ? connections : MOST, total);
            } else if (sscanf(command, "pace %d %lf", &frames, &us) == 2) {
                pace = (int64_t)(us * 1e3);
                printf("{\"frames\":%d,\"us\":%.0f}\n", frames, us);
            } else if (sscanf(command, "delay %lf", &us) == 1) {
                delay = (int64_t)(us * 1e3);
                printf("{\"us\":%.0f}\n", us);
            } else {
                printf("{\"error\":\"no such command\"}\n");
            }
            have -= (size_t)(end + 1 - command);
            memmove(command, end + 1, have + 1);
        }
    }
}
