import * as z from "zod";
import type { Json } from "./api/json.ts";
import {
  anyValue,
  choice,
  flag,
  type Input,
  listOf,
  members,
  number,
  readInput,
  recordOf,
  someOf,
  text,
  whole,
} from "./input.ts";
import { DEFAULT_LATENCIES, type Latencies, type LatencyName } from "./pace/latency.ts";
import { COUNTED_OPERATIONS, LIMIT_NAMES, THROTTLE_GROUPS } from "./pace/throttle-policies.ts";
import type { ModelSettings } from "./settings.ts";
import { QUOTAS, type QuotaName } from "./subscription/quota-table.ts";

const positive = z.number("is a number above 0").positive("is a number above 0");

const latency = members({
  medianMs: number(0),
  p99Ms: number(0).exactOptional(),
  perDiskMs: number(0).exactOptional(),
}).refine(
  ({ medianMs, p99Ms = medianMs }) => p99Ms >= medianMs,
  "needs a p99Ms that is not below its medianMs",
);

const settings = members({
  timeScale: number(0),
  latencies: someOf(Object.keys(DEFAULT_LATENCIES) as LatencyName[], latency),
  concurrentVmWrite: choice(["conflict", "preempt"]),
  powerOffPreemptsUpdate: flag,
  etagMovesAt: choice(["recorded", "start", "end"]),
  etagMovedBy: choice(["update", "dataDisks", "change"]),
  forcedDuringReimage: choice(["refuse", "breaks"]),
  failedAttach: choice(["kept", "removed"]),
  preemptedStatus: choice(["Canceled", "Failed"]),
  deleteWinsOverAttachInFlight: flag,
  sharedAttachRace: flag,
  osDisks: flag,
  changesWhileAttached: choice(["refuse", "allow"]),
  upperCaseGroupInSubscriptionLists: flag,
  subscriptions: listOf(text),
  locations: listOf(text),
  createResourceGroups: flag,
  pollAfterS: number(0),
  pageSize: number(0),
  throttling: choice(["off", "report", "enforce"]),
  throttleLimits: someOf(LIMIT_NAMES, members({ burst: number(1), perMinute: positive })),
  throttleGroups: someOf(COUNTED_OPERATIONS, choice(THROTTLE_GROUPS)),
  permissions: recordOf(
    listOf(
      z.union([text, members({ actions: listOf(text), scope: text })], "is an action, or {actions, scope}"),
    ),
  ),
  identities: members({
    tenants: listOf(text).default([]),
    clients: recordOf(members({ tenant: text, secret: text, expired: flag.exactOptional() })).default({}),
    subscriptions: recordOf(text).default({}),
  }),
  deniedActions: listOf(text),
  policies: listOf(members({ name: text.exactOptional(), action: text, property: text, equals: anyValue })),
  quotas: someOf(Object.keys(QUOTAS) as QuotaName[], whole(0)),
  restrictedSkus: listOf(
    members({ name: text, location: text.exactOptional(), zones: listOf(text).exactOptional() }),
  ),
  instanceIds: choice(["grow", "reuse"]),
  apiVersions: listOf(text),
  journalMax: number(0),
} satisfies {
  readonly [Name in Exclude<keyof ModelSettings, "latencies">]: z.ZodType<ModelSettings[Name]>;
} & {
  readonly latencies: z.ZodType;
}).partial();

/** Reads settings from the admin API or a scenario. */
export function parseSettings(
  json: Json | undefined,
  current: Latencies = DEFAULT_LATENCIES,
): Input<Partial<ModelSettings>> {
  const read = readInput("the settings", settings, json);
  if (!read.ok) return read;
  const { latencies, ...others } = read.value;
  const stated = Object.entries(latencies ?? {}).map(([name, { medianMs, p99Ms = medianMs, perDiskMs }]) => [
    name,
    { medianMs, p99Ms, perDiskMs: perDiskMs ?? current[name as LatencyName].perDiskMs ?? 0 },
  ]);
  const value = {
    ...others,
    ...(latencies === undefined ? {} : { latencies: { ...current, ...Object.fromEntries(stated) } }),
  };
  // No member of JSON is present and undefined.
  return { ok: true, value: value as Partial<ModelSettings> };
}
