#!/usr/bin/env bash
# A first session in one go: what docs/start/first-session.md does step by step. It starts a Weir of its own, on free ports and with
# the bundled simulator, and stops it at the end:
#
#     bash docs/start/first-session.sh
#
# Needs Linux (x64 or arm64, glibc) with npm, any Node from 18 on, and curl. Half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."

node scripts/bootstrap.mjs
said=$(mktemp)
answers=$(mktemp)
node=node_modules/.bin/node
[ -x "$node" ] || node=node
PORT=0 OPS_PORT=0 WA_API_KEY=monitoring-key "$node" src/main.ts serve >/dev/null 2>"$said" &
weir=$!
trap 'kill "$weir" 2>/dev/null; wait "$weir" 2>/dev/null || true; rm -f "$said" "$answers"' EXIT

until grep -q 'for operators' "$said"; do
  kill -0 "$weir" 2>/dev/null || { cat "$said" >&2; exit 1; }
  sleep 0.1
done
WEIR=$(sed -nE 's/^Weir serves on +(http[^ ]+).*/\1/p' "$said")
OPS=$(sed -nE 's/^ +for operators +(http[^ ]+).*/\1/p' "$said")
echo "== Weir serves on $WEIR, for operators on $OPS. A simulated Coreapp is behind it."

echo '== Log in: the first login sets a new password, and has a token for 7 days.'
TOKEN=$(curl -sSf -u admin:secret -X POST "$WEIR/v1/users/login" -d '{"new_password":"Weir-2026!"}' |
  sed 's/.*"token":"\([^"]*\)".*/\1/')

message='{"to":"16315551000","type":"text","text":{"body":"hello"}}'
echo '== Send a message.'
curl -sSf -w '\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "$message" "$WEIR/v1/messages"

echo '== Send 400 at once. 150 pass at once, and 50 more each second: it takes 5 seconds, and nobody is refused.'
curl -sS --no-progress-meter --parallel --parallel-immediate --parallel-max 300 -o /dev/null -w '%{http_code} %{time_total}\n' \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "$message" "$WEIR/v1/messages?n=[1-400]" >"$answers"
cut -d' ' -f1 "$answers" | sort | uniq -c
sort -nk2 "$answers" | awk '{t[NR]=$2} END {print "fastest", t[1] " s, median", t[int(NR/2)] " s, slowest", t[NR] " s"}'

echo '== What the Coreapp answered.'
curl -sSf "$OPS/metrics" | grep -E '^weir_coreapp_answers_total.*messages'

echo '== The API key opens health, and no messages.'
curl -sS -w '\n' -H 'Authorization: Apikey monitoring-key' "$WEIR/v1/health"
curl -sS -w '\n' -H 'Authorization: Apikey monitoring-key' -d "$message" "$WEIR/v1/messages"

echo '== Log out: the token opens nothing any more.'
curl -sSf -o /dev/null -X POST -H "Authorization: Bearer $TOKEN" "$WEIR/v1/users/logout"
curl -sS -w '\n' -H "Authorization: Bearer $TOKEN" "$WEIR/v1/users/admin"
echo '== Done.'
