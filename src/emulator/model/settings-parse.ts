import { isObject, type Json, type JsonObject, listAt, numberAt, textAt } from "./api/json.ts";
import { parsePolicies } from "./authorization/check-policies.ts";
import { parseIdentities } from "./authorization/identities.ts";
import { DEFAULT_LATENCIES, type Latencies, type Latency, type LatencyName } from "./pace/latency.ts";
import {
  isCounted,
  THROTTLE_GROUPS,
  type ThrottleGroup,
  type ThrottleLimit,
} from "./pace/throttle-policies.ts";
import { DEFAULT_SETTINGS, type Grant, type ModelSettings } from "./settings.ts";
import { parseQuotas } from "./subscription/quotas.ts";
import { parseRestrictedSkus } from "./subscription/restricted-skus.ts";

export type ParsedSettings =
  | { readonly ok: true; readonly settings: Partial<ModelSettings> }
  | { readonly ok: false; readonly reason: string };

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  concurrentVmWrite: ["conflict", "preempt"],
  changesWhileAttached: ["refuse", "allow"],
  etagMovedBy: ["update", "dataDisks", "change"],
  etagMovesAt: ["recorded", "start", "end"],
  failedAttach: ["kept", "removed"],
  forcedDuringReimage: ["refuse", "breaks"],
  instanceIds: ["grow", "reuse"],
  preemptedStatus: ["Canceled", "Failed"],
  throttling: ["off", "report", "enforce"],
};

/** Reads settings from the admin API or a scenario. A failure names the wrong one. */
export function parseSettings(json: JsonObject, current: Latencies = DEFAULT_LATENCIES): ParsedSettings {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    const parsed = parseSetting(name, value, current);
    if (typeof parsed === "string") return { ok: false, reason: parsed };
    settings[name] = parsed.value;
  }
  return { ok: true, settings: settings as Partial<ModelSettings> };
}

function parseSetting(
  name: string,
  value: Json | undefined,
  current: Latencies,
): { readonly value: unknown } | string {
  switch (name) {
    case "latencies":
      return parseLatencies(value, current);
    case "throttleLimits":
      return parseLimits(value);
    case "throttleGroups":
      return parseGroups(value);
    case "permissions":
      return parsePermissions(value);
    case "quotas":
      return parseQuotas(value);
    case "restrictedSkus":
      return parseRestrictedSkus(value);
    case "policies":
      return parsePolicies(value);
    case "identities":
      return parseIdentities(value);
    case "deniedActions":
    case "apiVersions":
    case "locations":
    case "subscriptions":
      return parseTexts(name, value);
    default:
      return parsePlain(name, value);
  }
}

function parsePlain(name: string, value: Json | undefined): { readonly value: unknown } | string {
  const known: Readonly<Record<string, unknown>> = { ...DEFAULT_SETTINGS };
  if (!Object.hasOwn(known, name))
    return `'${name}' is not a setting; there are ${Object.keys(known).join(", ")}`;
  const choices = CHOICES[name];
  if (choices !== undefined && !choices.some((choice) => choice === value))
    return `'${name}' is one of ${choices.join(", ")}, not ${JSON.stringify(value)}`;
  if (typeof value !== typeof known[name])
    return `'${name}' is a ${typeof known[name]}, not ${JSON.stringify(value)}`;
  if (typeof value === "number" && (value < 0 || !Number.isFinite(value)))
    return `'${name}' is a number from 0, not ${value}`;
  return { value };
}

function parseLatencies(value: Json | undefined, current: Latencies): { readonly value: Latencies } | string {
  if (!isObject(value)) return "'latencies' is an object from a name to {medianMs, p99Ms, perDiskMs}";
  const latencies: Record<LatencyName, Latency> = { ...current };
  for (const [name, each] of Object.entries(value)) {
    if (!isLatencyName(name))
      return `'${name}' is not a latency; there are ${Object.keys(DEFAULT_LATENCIES).join(", ")}`;
    const medianMs = numberAt(each, "medianMs");
    const p99Ms = numberAt(each, "p99Ms") ?? medianMs;
    if (medianMs === undefined || p99Ms === undefined || medianMs < 0 || p99Ms < medianMs)
      return `latency '${name}' needs 'medianMs' and 'p99Ms', the second not below the first`;
    latencies[name] = {
      medianMs,
      p99Ms,
      perDiskMs: numberAt(each, "perDiskMs") ?? current[name].perDiskMs ?? 0,
    };
  }
  return { value: latencies };
}

function parseLimits(
  value: Json | undefined,
): { readonly value: Readonly<Record<string, ThrottleLimit>> } | string {
  if (!isObject(value)) return "'throttleLimits' is an object from a name to {burst, perMinute}";
  const limits: Record<string, ThrottleLimit> = {};
  for (const [name, each] of Object.entries(value)) {
    const burst = numberAt(each, "burst");
    const perMinute = numberAt(each, "perMinute");
    if (burst === undefined || perMinute === undefined || burst < 1 || perMinute <= 0)
      return `throttle limit '${name}' needs 'burst' of at least 1 and 'perMinute' above 0`;
    limits[name] = { burst, perMinute };
  }
  return { value: limits };
}

function parseGroups(
  value: Json | undefined,
): { readonly value: Readonly<Record<string, ThrottleGroup>> } | string {
  if (!isObject(value)) return "'throttleGroups' is an object from an operation to a group";
  const groups: Record<string, ThrottleGroup> = {};
  for (const [operation, each] of Object.entries(value)) {
    const group = THROTTLE_GROUPS.find((known) => known === each);
    if (!isCounted(operation))
      return `throttleGroups: '${operation}' is not an operation whose calls are counted`;
    if (group === undefined)
      return `throttleGroups: '${operation}' belongs to one of ${THROTTLE_GROUPS.join(", ")}`;
    groups[operation] = group;
  }
  return { value: groups };
}

function parsePermissions(
  value: Json | undefined,
): { readonly value: Readonly<Record<string, readonly Grant[]>> } | string {
  const entries = isObject(value) ? Object.entries(value) : [["", undefined] as const];
  return entries.every(([, grants]) => Array.isArray(grants) && grants.every(isGrant))
    ? { value: value as Readonly<Record<string, readonly Grant[]>> }
    : "'permissions' is an object from a caller, or *, to a list of actions, or of {actions, scope}";
}

function isGrant(value: Json | undefined): boolean {
  return (
    typeof value === "string" || (textAt(value, "scope") !== undefined && isTexts(listAt(value, "actions")))
  );
}

function parseTexts(name: string, value: Json | undefined): { readonly value: readonly string[] } | string {
  return isTexts(value) ? { value } : `'${name}' is a list of texts`;
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isLatencyName(name: string): name is LatencyName {
  return Object.hasOwn(DEFAULT_LATENCIES, name);
}
