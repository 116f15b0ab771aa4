#!/bin/sh
# Tries the containers for real, on a copy of this checkout with passwords, ports and names of its own: builds, renders,
# scales, kills, updates, restarts, joins a second machine. Prints what it saw, a fact a line, and exits with 1 if one of
# them is not as it should be. Needs Docker with Compose, curl and openssl; takes about ten minutes after the build.
#
#   sh deploy/try.sh
#
# TRY_PORT          the first of the ports on loopback that it uses [18000]
# TRY_ADDRESS       an address of this machine that containers reach [the one of Docker's bridge]
# TRY_RESTART       a command that restarts the Docker engine, such as "systemctl restart docker" [restarts only the
#                   containers of Postgres, Redis and S3]
# TRY_KEEP          a folder for the pictures [none]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
port=${TRY_PORT:-18000}
address=${TRY_ADDRESS:-$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')}
work=$(mktemp -d)
first="docker compose -p renderfleet-try -f $work/first/deploy/compose.yaml"
engines="$first -f $work/first/deploy/compose.engines.yaml"
second="docker compose -p renderfleet-try-second -f $work/second/compose.worker.yaml"
began=$(date +%s)
missed=0
posts=0

fact() { # TEXT WANTED FOUND: one line, and a miss if they differ
    if [ "$2" = "$3" ]; then
        echo "ok    $(($(date +%s) - began)) s  $1: $3"
    else
        echo "MISS  $(($(date +%s) - began)) s  $1: $3, but wanted $2"
        missed=$((missed + 1))
    fi
}

yes_if() { # COMMAND...: yes or no
    if "$@" > /dev/null 2>&1; then echo yes; else echo no; fi
}

until_is() { # WANTED SECONDS COMMAND...: what the command says last
    wanted=$1
    end=$(($(date +%s) + $2))
    shift 2
    said=$("$@" 2> /dev/null || true)
    while [ "$said" != "$wanted" ] && [ "$(date +%s)" -lt "$end" ]; do
        sleep 1
        said=$("$@" 2> /dev/null || true)
    done
    echo "$said"
}

clean() {
    if [ "$?" -ne 0 ] || [ "$missed" -ne 0 ]; then
        $first logs --tail 30 > "$root/try-logs.txt" 2>&1 || true
        echo "The last lines of each container: try-logs.txt"
    fi
    [ ! -e "$work/second" ] || $second down --timeout 5 > /dev/null 2>&1 || true
    ENGINES_ADDRESS=$address $engines down --volumes --remove-orphans --timeout 5 > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean EXIT

sql() {
    $first exec -T postgres psql -U renderfleet -d renderfleet -AtX -c "$1"
}

call() { # PATH [CURL OPTIONS]: the answer's body
    path=$1
    shift
    curl -sS --fail-with-body "http://127.0.0.1:$port$path" -H "Authorization: Bearer $key" "$@"
}

post() { # NUMBER MILLISECONDS NAME: jobs of pages that take so long, known by a word
    for _ in $(seq "$1"); do
        posts=$((posts + 1))
        # A call that got no answer is made again, and makes no second job.
        call /v1/jobs --retry 300 --retry-delay 1 --retry-all-errors -o /dev/null -H "Idempotency-Key: $3-$posts" \
            -H 'Content-Type: application/json' -d "{\"html\": \"<h1>$3</h1>\", \"delay_ms\": $2, \"external_id\": \"$3\"}"
    done
}

states() { # NAME: how many of its jobs are in which state
    sql "SELECT string_agg(n || ' ' || state, ', ' ORDER BY state) FROM
        (SELECT state, count(*) AS n FROM jobs WHERE external_id LIKE '$1%' GROUP BY state) AS s"
}

again() { # NAME: how many of its jobs were tried more than once
    sql "SELECT count(*) FROM jobs WHERE external_id LIKE '$1%' AND attempt > 1"
}

live_workers() {
    sql "SELECT count(*) FROM workers WHERE stopped_at IS NULL AND last_seen_at > now() - interval '10 s'"
}

running() { # NAME: whether some of its jobs run
    sql "SELECT count(*) > 1 FROM jobs WHERE external_id LIKE '$1%' AND state = 'running'"
}

busy_container() { # NAME: the container of a worker that runs one of its jobs
    sql "SELECT w.hostname FROM jobs j JOIN workers w ON w.id = j.worker_id
        WHERE j.external_id LIKE '$1%' AND j.state = 'running' LIMIT 1"
}

copy() { # what the images are made of, so that nothing of this checkout changes
    mkdir "$work/first"
    (cd "$root" && tar -cf - --exclude=__pycache__ --exclude=deploy/secrets --exclude=deploy/.env --exclude=deploy/settings.env \
        .dockerignore LICENSE api deploy docs fleet migrations worker) | tar -xf - -C "$work/first"
    cat > "$work/first/deploy/.env" <<END
API_PORT=$port
S3_PORT=$((port + 1))
ENGINES_POSTGRES_PORT=$((port + 2))
ENGINES_REDIS_PORT=$((port + 3))
ENGINES_S3_PORT=$((port + 4))
WORKER_MEMORY=1500m
END
    # Two at once: three workers on a small machine are to be slow, not ill.
    echo RENDERFLEET_BROWSER_MAX_PAGES=2 > "$work/first/deploy/settings.env"
}

echo "# Build and start"
copy
sh "$work/first/deploy/secrets.sh" > /dev/null
$first build --quiet
for name in api worker migrate; do
    echo "      renderfleet:$name has $(($(docker image inspect "renderfleet:$name" --format '{{.Size}}') / 1000000)) MB"
done
started=$(date +%s)
$first up --detach > /dev/null 2>&1
fact "workers that report" 1 "$(until_is 1 400 live_workers)"
echo "      from no container to a worker with a browser: $(($(date +%s) - started)) s"
fact "API is ready" yes "$(until_is yes 180 yes_if $first exec -T api python -m api.health --ready)"
key=$($first run --rm -T api python -m fleet.keys create --tenant try --new-tenant --scopes render,read,admin 2> /dev/null)
password=$(cat "$work/first/deploy/secrets/postgres_worker_password")
container=$($first ps -q worker)
fact "worker's user" 10001 "$($first exec -T worker id -u)"
fact "worker can write beside /tmp" no "$(yes_if $first exec -T worker touch /app/x)"
fact "docker inspect shows a password" no "$(docker inspect "$container" | yes_if grep -q "$password")"
fact "worker's sandbox" '"on"' "$(call /v1/fleet | sed 's/.*"sandbox":\("[a-z]*"\).*/\1/')"

echo "# Render"
page=$(sed 's/\\/\\\\/g; s/"/\\"/g' "$root/deploy/scripts.html" | awk '{ printf "%s\\n", $0 }')
printf '{"html": "%s", "viewport": {"width": 1200, "height": 640}, "external_id": "scripts"}' "$page" > "$work/request"
call /v1/jobs -H 'Prefer: wait=60' -H 'Accept: image/png' -H 'Content-Type: application/json' -d @"$work/request" -o "$work/scripts.png"
fact "a picture" PNG "$(head -c 4 "$work/scripts.png" | tail -c 3)"
fact "scripts without boxes" "0 of 42 scripts lack glyphs" "$(sql "SELECT page->>'title' FROM jobs WHERE external_id = 'scripts'")"
[ -z "${TRY_KEEP:-}" ] || cp "$work/scripts.png" "$TRY_KEEP/"

echo "# Scale to three workers"
$first up --detach --no-recreate --scale worker=3 worker > /dev/null 2>&1
fact "workers that report" 3 "$(until_is 3 400 live_workers)"
post 30 1500 scale
fact "jobs" "30 succeeded" "$(until_is '30 succeeded' 400 states scale)"
fact "workers that had some of them" 3 "$(sql "SELECT count(DISTINCT worker_id) FROM jobs WHERE external_id = 'scale'")"

echo "# Kill a container in the middle of a render"
post 12 8000 kill
fact "renders run" t "$(until_is t 120 running kill)"
docker kill "$(busy_container kill)" > /dev/null
fact "jobs" "12 succeeded" "$(until_is '12 succeeded' 400 states kill)"
fact "some were tried again" yes "$(yes_if [ "$(again kill)" -gt 0 ])"
$first up --detach --no-recreate --scale worker=3 worker > /dev/null 2>&1
fact "workers that report" 3 "$(until_is 3 400 live_workers)"

echo "# Rolling update under load, as docs/operations/upgrade.md says"
before=$(docker image inspect renderfleet:worker --format '{{.Id}}')
for program in api worker migrations; do echo "# The next release." >> "$work/first/$program/__init__.py"; done
$first build --quiet
fact "the image is a new one" yes "$(yes_if [ "$before" != "$(docker image inspect renderfleet:worker --format '{{.Id}}')" ])"
touch "$work/load"
(while [ -e "$work/load" ]; do post 1 500 update || exit 1; sleep 1; done; echo yes > "$work/answered") 2> "$work/refused" &
load=$!
$first run --rm -T migrate > /dev/null 2>&1
$first up --detach --no-deps --scale worker=3 worker > /dev/null 2>&1
$first up --detach --no-deps api > /dev/null 2>&1
fact "workers that report" 3 "$(until_is 3 400 live_workers)"
rm "$work/load"
wait "$load" || true
fact "each call was answered" yes "$(cat "$work/answered" 2> /dev/null || echo no)"
echo "      calls that had to be made again while the one API was replaced: $(grep -c 'curl: ' "$work/refused" || true)"
posted=$(sql "SELECT count(*) FROM jobs WHERE external_id = 'update'")
fact "jobs" "$posted succeeded" "$(until_is "$posted succeeded" 400 states update)"
fact "containers of the old image" 0 "$(docker ps -q --filter "ancestor=$before" --filter label=com.docker.compose.project=renderfleet-try | wc -l | tr -d ' ')"

echo "# The kernel kills a worker for its memory"
# As many as there are slots, and long enough that none ends before the kernel has to act.
post 6 25000 memory
fact "renders run" t "$(until_is t 120 running memory)"
victim=$(busy_container memory)
starts=$(docker inspect "$victim" --format '{{.RestartCount}}')
# The kernel kills the process with the highest score, and a process may make its own kind more likely to be killed.
docker exec "$victim" python -c '
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    words = open(f"/proc/{pid}/cmdline").read().split("\0")
    if words[:3] == ["python", "-m", "worker"]:
        open(f"/proc/{pid}/oom_score_adj", "w").write("1000")
hold = []
while True:
    hold.append(bytearray(os.urandom(1 << 20) * 64))
' > /dev/null 2>&1 || true
fact "Docker started the killed worker again" yes \
    "$(until_is yes 180 yes_if sh -c "[ \$(docker inspect $victim --format '{{.RestartCount}}') -gt $starts ]")"
fact "jobs" "6 succeeded" "$(until_is '6 succeeded' 400 states memory)"
fact "some were tried again" yes "$(yes_if [ "$(again memory)" -gt 0 ])"
fact "workers that report" 3 "$(until_is 3 400 live_workers)"

if [ -n "${TRY_RESTART:-}" ]; then echo "# Restart of the Docker engine"; else echo "# Restart of Postgres, Redis and S3"; fi
post 12 6000 restart
fact "renders run" t "$(until_is t 120 running restart)"
if [ -n "${TRY_RESTART:-}" ]; then
    sh -c "$TRY_RESTART" > "$work/restart" 2>&1
else
    $first restart --timeout 10 postgres redis s3 > /dev/null 2>&1
fi
fact "workers that report" 3 "$(until_is 3 400 live_workers)"
fact "API is ready" yes "$(until_is yes 180 yes_if $first exec -T api python -m api.health --ready)"
post 3 100 restart
fact "jobs from before and after" "15 succeeded" "$(until_is '15 succeeded' 400 states restart)"

echo "# A second machine, with a network of its own, by TLS"
sh "$work/first/deploy/second-machine.sh" "$address" > /dev/null
$engines up --detach --scale worker=0 > /dev/null 2>&1
fact "workers of the first machine" 0 "$(until_is 0 400 live_workers)"
joined=$(date +%s)
mkdir "$work/second"
tar -xf "$work/first/deploy/second-machine.tar" -C "$work/second"
$second up --detach --scale worker=2 > /dev/null 2>&1
fact "workers of the second machine" 2 "$(until_is 2 400 live_workers)"
echo "      from the file to two workers that report: $(($(date +%s) - joined)) s"
post 10 300 second
fact "jobs" "10 succeeded" "$(until_is '10 succeeded' 400 states second)"
ours=$($second ps -q worker | cut -c1-12 | sed "s/.*/'&'/" | paste -s -d, -)
fact "workers of the second machine that had them" 2 "$(sql "SELECT count(DISTINCT w.id) FROM jobs j JOIN workers w
    ON w.id = j.worker_id WHERE j.external_id = 'second' AND w.hostname IN ($ours)")"
fact "connections of workers to Postgres without TLS" 0 "$(sql "SELECT count(*) FROM pg_stat_activity a JOIN pg_stat_ssl s
    USING (pid) WHERE a.usename = 'renderfleet_worker' AND NOT s.ssl")"
# A client that does not check gets to the door; without TLS nobody does.
ask="docker run --rm -i --network renderfleet-try-second_workers renderfleet:worker python -"
fact "Postgres without TLS" refused "$($ask <<END
import asyncio, asyncpg
try:
    asyncio.run(asyncpg.connect("postgresql://renderfleet_worker:$password@$address:$((port + 2))/renderfleet?sslmode=disable"))
    print("let in")
except asyncpg.InvalidAuthorizationSpecificationError:
    print("refused")
END
)"
fact "a certificate of somebody else's authority" refused "$($ask <<END
import asyncio, asyncpg, ssl
try:
    asyncio.run(asyncpg.connect("postgresql://renderfleet_worker:$password@$address:$((port + 2))/renderfleet?sslmode=verify-full",
        ssl=ssl.create_default_context()))
    print("let in")
except ssl.SSLCertVerificationError:
    print("refused")
END
)"

echo "# $(($(date +%s) - began)) s, $missed misses"
[ "$missed" -eq 0 ]
