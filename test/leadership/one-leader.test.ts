import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoreSnapshot } from "../../src/adapters/simulated-store/simulated-state.ts";
import {
  createSimulatedStore,
  type SimulatedHandle,
  type SimulatedStore,
} from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { defaultElectionSettings as settings } from "../../src/core/election/plan-candidacy.ts";
import { aVolumeWithRecord } from "../../src/core/testing/objects.ts";
import { must } from "../../src/core/testing/value-of.ts";
import type { Random } from "../../src/ports/random.ts";
import type { NewObject } from "../../src/ports/store/object-store.ts";
import { type Candidate, startCandidate } from "./a-candidate.ts";

const SEEDS = 30;
const CANDIDATES = 3;
const DEEDS = 80;
const CALL_MAX_MS = 300;
const PAUSE_BETWEEN_DEEDS_MAX_MS = 12_000;
/** The maximal clock drift, either way: far more than any machine's. */
const CLOCK_DRIFT_SHARE = 0.02;
/** By then a leader that can't renew has stopped, by the slowest of the clocks. */
const DEADLINE_MAX_MS = settings.renewDeadlineMs * (1 + 2 * CLOCK_DRIFT_SHARE);
const signal = new AbortController().signal;

/** Three processes with one store under random faults. */
interface Storm {
  readonly clock: VirtualClock;
  readonly simulated: SimulatedStore;
  readonly chance: Random;
  readonly candidates: Candidate[];
  /** Overlaps of two leaders, neither of them frozen, in milliseconds. */
  readonly overlaps: number[];
  started: number;
  backup: StoreSnapshot;
}

function startStorm(seed: number): Storm {
  const clock = createVirtualClock();
  const chance = createSeededRandom(seed);
  const weather = {
    callDelayMs: [1, CALL_MAX_MS],
    watchDelayMs: [0, 500],
    unavailable: 0.05,
    lostAnswer: 0.05,
    conflict: 0.03,
    watchBroken: 0.02,
  } as const;
  const simulated = createSimulatedStore({ clock, random: createSeededRandom(seed + 1_000), weather });
  const storm: Storm = {
    clock,
    simulated,
    chance,
    candidates: [],
    overlaps: [],
    started: 0,
    backup: simulated.snapshot(),
  };
  for (let index = 0; index < CANDIDATES; index += 1) startAnother(storm);
  return storm;
}

function startAnother(storm: Storm): void {
  const { clock, simulated, chance, candidates } = storm;
  storm.started += 1;
  const name = `candidate-${storm.started}`;
  const clockRate = 1 + CLOCK_DRIFT_SHARE * (2 * chance.next() - 1);
  candidates.push(
    startCandidate({ name, simulated, clock, settings, seed: Math.floor(chance.next() * 1e9), clockRate }),
  );
}

/** Lets time pass, and measures for how long two processes lead although their clocks could show it. */
async function pass(storm: Storm, ms: number): Promise<void> {
  const endMs = storm.clock.elapsedMs() + ms;
  const isOverlap = (): boolean =>
    storm.candidates.filter((candidate) => candidate.isWorking() && !candidate.isPaused()).length > 1;
  while (storm.clock.elapsedMs() < endMs) {
    if (!(await storm.clock.runUntil(isOverlap, endMs - storm.clock.elapsedMs()))) return;
    const beganAtMs = storm.clock.elapsedMs();
    await storm.clock.runUntil(() => !isOverlap(), 60_000);
    storm.overlaps.push(storm.clock.elapsedMs() - beganAtMs);
  }
}

type Deed = (storm: Storm, candidate: Candidate) => Promise<void> | void;

const deeds: Readonly<Record<string, Deed>> = {
  pause: (_, candidate) => candidate.pause(),
  resume: async (storm, candidate) => {
    candidate.resume();
    // Until its next step a resumed process may still lead: that time does not count.
    await storm.clock.settle();
  },
  cutOff: (_, candidate) => candidate.store.setReachable(false),
  reconnect: (_, candidate) => candidate.store.setReachable(true),
  holdWatches: (_, candidate) => candidate.store.holdWatches(true),
  releaseWatches: (_, candidate) => candidate.store.holdWatches(false),
  kill: (storm, candidate) => {
    candidate.kill();
    replace(storm, candidate);
  },
  stop: async (storm, candidate) => {
    candidate.resume();
    await candidate.stop();
    replace(storm, candidate);
  },
  jumpWallClock: ({ clock, chance }) => clock.jumpWallClock((chance.next() - 0.5) * 86_400_000),
  compact: ({ simulated }) => simulated.forgetHistory(),
};

const byHand: Readonly<Record<string, Deed>> = {
  deleteLease: async (storm) => {
    const deleted = await adminOf(storm).delete("Lease", CONTROLLER_LEASE, {}, signal);
    assert.ok(deleted.ok || deleted.failure.kind === "ObjectNotFound");
  },
};

const backups: Readonly<Record<string, Deed>> = {
  backUp: (storm) => {
    storm.backup = storm.simulated.snapshot();
  },
  restore: ({ simulated, backup }) => simulated.restore(backup),
};

function adminOf({ simulated }: Pick<Storm, "simulated">): SimulatedHandle {
  const admin = simulated.handle("admin");
  admin.setWeather({ callDelayMs: [0, 0], unavailable: 0, lostAnswer: 0, conflict: 0 });
  return admin;
}

/** A record shows later processes that a controller has led here. */
async function givenRecord(storm: Storm): Promise<void> {
  const { metadata, spec, status } = aVolumeWithRecord({});
  const made = { metadata: { name: metadata.name }, spec } as NewObject<"AzVolume">;
  const created = await must(adminOf(storm).create("AzVolume", made, signal));
  await must(
    adminOf(storm).updateStatus(
      "AzVolume",
      { ...created, ...(status === undefined ? {} : { status }) },
      signal,
    ),
  );
}

function replace(storm: Storm, candidate: Candidate): void {
  storm.candidates.splice(storm.candidates.indexOf(candidate), 1);
  startAnother(storm);
}

async function rage(storm: Storm, among: Readonly<Record<string, Deed>>): Promise<void> {
  const names = Object.keys(among);
  for (let done = 0; done < DEEDS; done += 1) {
    const deed = among[names[Math.floor(storm.chance.next() * names.length)] ?? ""];
    const candidate = storm.candidates[Math.floor(storm.chance.next() * storm.candidates.length)];
    if (candidate !== undefined) await deed?.(storm, candidate);
    await pass(storm, storm.chance.next() * PAUSE_BETWEEN_DEEDS_MAX_MS);
  }
}

/** Without faults one leads within the lease time, and stays the leader. */
async function calm(storm: Storm): Promise<void> {
  const { clock, simulated, candidates } = storm;
  simulated.setWeather({ unavailable: 0, lostAnswer: 0, conflict: 0, watchBroken: 0 });
  for (const candidate of candidates) {
    candidate.store.setReachable(true);
    candidate.store.holdWatches(false);
    candidate.resume();
  }
  const leaders = (): readonly Candidate[] => candidates.filter((candidate) => candidate.isWorking());
  // A process that has failed for a while may be too late again, and give up.
  await clock.advance(settings.leaseDurationMs * 2);
  assert.equal(leaders().length, 1, "no process leads");
  const [leader] = leaders();
  const terms = candidates.reduce((sum, candidate) => sum + candidate.terms, 0);
  await clock.advance(120_000);
  assert.deepEqual(leaders(), [leader]);
  assert.equal(
    candidates.reduce((sum, candidate) => sum + candidate.terms, 0),
    terms,
    "no other process took over",
  );
  for (const candidate of candidates) await candidate.stop();
}

describe("candidates under freezes, crashes, store outages and restarts", () => {
  it(`at most one leads by its clock, despite deleted Leases (${SEEDS} seeds)`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const storm = startStorm(seed);
      await givenRecord(storm);
      await rage(storm, { ...deeds, ...byHand });
      assert.deepEqual(storm.overlaps, [], `seed ${seed}`);
      await calm(storm);
    }
  });

  it(`two lead only until one fails to renew, after rollbacks (${SEEDS} seeds)`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const storm = startStorm(seed);
      await givenRecord(storm);
      await rage(storm, { ...deeds, ...backups });
      const worstMs = storm.overlaps.reduce((worst, overlapMs) => Math.max(worst, overlapMs), 0);
      assert.ok(worstMs <= DEADLINE_MAX_MS, `seed ${seed}: ${worstMs} ms`);
      await calm(storm);
    }
  });
});
