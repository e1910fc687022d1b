import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createSimulatedStore,
  type SimulatedStore,
} from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  COUNTER_ANNOTATION,
  type Lease,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../../src/core/api/lease.ts";
import { defaultElectionSettings as settings } from "../../src/core/election/plan-candidacy.ts";
import { aVolumeWithRecord } from "../../src/core/testing/objects.ts";
import { must } from "../../src/core/testing/value-of.ts";
import type { NewObject } from "../../src/ports/store/object-store.ts";
import { type Candidate, type CandidateOptions, startCandidate } from "./a-candidate.ts";

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = settings;
/** A check, and the duration of a call. */
const SLACK_MS = 500;
/** The maximal time between two renewals, in milliseconds. */
const RENEWAL_MAX_MS = retryPeriodMs * 1.2 + 10;
const CALL_MS = 5;
const HOUR_MS = 3_600_000;
const signal = new AbortController().signal;

interface World {
  readonly clock: VirtualClock;
  readonly simulated: SimulatedStore;
  readonly candidates: readonly Candidate[];
  start(name: string, options?: Partial<CandidateOptions>): Candidate;
  leaders(): readonly string[];
  lease(): Lease | undefined;
  /** Lets time pass until exactly that candidate leads; returns how long it took. */
  untilLeads(candidate: Candidate, limitMs: number): Promise<number>;
}

/**
 * Candidates with one store; whenever one begins to work, no other may be working whose clock shows that
 * its term is over.
 */
async function withCandidates(act: (world: World) => Promise<void>): Promise<void> {
  const clock = createVirtualClock();
  const simulated = createSimulatedStore({
    clock,
    random: createSeededRandom(7),
    weather: { callDelayMs: [1, CALL_MS], watchDelayMs: [0, CALL_MS] },
  });
  const candidates: Candidate[] = [];
  const violations: string[] = [];
  const world: World = {
    clock,
    simulated,
    candidates,
    start: (name, options = {}) => {
      const candidate = startCandidate({
        name,
        simulated,
        clock,
        settings,
        seed: candidates.length + 1,
        ...options,
      });
      candidate.onWork = (isWorking) => {
        const others = candidates.filter(
          (other) => other !== candidate && other.isWorking() && !other.isPaused(),
        );
        if (isWorking && others.length > 0)
          violations.push(
            `${name} began at ${clock.elapsedMs()} ms beside ${others.map((other) => other.name).join()}`,
          );
      };
      candidates.push(candidate);
      return candidate;
    },
    leaders: () => candidates.filter((candidate) => candidate.isWorking()).map((candidate) => candidate.name),
    lease: () => simulated.objects("Lease").find(({ metadata }) => metadata.name === CONTROLLER_LEASE),
    untilLeads: async (candidate, limitMs) => {
      const startedAtMs = clock.elapsedMs();
      assert.ok(
        await clock.runUntil(() => candidate.isWorking(), limitMs),
        `${candidate.name} does not lead within ${limitMs} ms`,
      );
      return clock.elapsedMs() - startedAtMs;
    },
  };
  try {
    await act(world);
    assert.deepEqual(violations, []);
  } finally {
    for (const candidate of candidates) {
      candidate.resume();
      await candidate.stop();
    }
  }
}

/** A leader and two standbys. */
async function withLeader(
  act: (world: World, leader: Candidate, standby: Candidate, third: Candidate) => Promise<void>,
): Promise<void> {
  await withCandidates(async (world) => {
    const leader = world.start("a");
    await world.untilLeads(leader, SLACK_MS);
    const standby = world.start("b");
    const third = world.start("c");
    await world.clock.advance(30_000);
    assert.deepEqual(world.leaders(), ["a"]);
    await act(world, leader, standby, third);
  });
}

/** Direct access to the store, past all candidates. */
function byHand(world: World): ReturnType<SimulatedStore["handle"]> {
  const handle = world.simulated.handle("admin");
  handle.setWeather({ callDelayMs: [0, 0] });
  return handle;
}

async function givenRecord(world: World, storeIncarnation: number): Promise<void> {
  const volume = aVolumeWithRecord({ storeIncarnation });
  const made = { metadata: { name: volume.metadata.name }, spec: volume.spec } as NewObject<"AzVolume">;
  const created = await must(byHand(world).create("AzVolume", made, signal));
  await must(
    byHand(world).updateStatus(
      "AzVolume",
      { ...created, ...(volume.status === undefined ? {} : { status: volume.status }) },
      signal,
    ),
  );
}

function annotations(lease: Lease | undefined): {
  readonly counter: number;
  readonly generation: number;
  readonly sweep: number;
} {
  assert.ok(lease !== undefined);
  return {
    counter: annotatedNumber(lease, COUNTER_ANNOTATION),
    generation: annotatedNumber(lease, STORE_INCARNATION_ANNOTATION),
    sweep: annotatedNumber(lease, REBUILD_ANNOTATION),
  };
}

describe("leadership", () => {
  it("is acquired at once by one candidate on a new store, and stays with it", () =>
    withCandidates(async (world) => {
      const all = ["a", "b", "c"].map((name) => world.start(name));
      assert.ok(await world.clock.runUntil(() => world.leaders().length > 0, SLACK_MS));
      const [first] = world.leaders();
      await world.clock.advance(600_000);
      assert.deepEqual(world.leaders(), [first]);
      assert.deepEqual(
        all.map((candidate) => candidate.terms).toSorted((left, right) => left - right),
        [0, 0, 1],
      );
    }));

  it("passes on within two seconds after a regular stop, by the Lease's release", () =>
    withLeader(async (world, leader, standby, third) => {
      const stoppedAtMs = world.clock.elapsedMs();
      await leader.stop();
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, 2_000));
      const tookMs = world.clock.elapsedMs() - stoppedAtMs;
      assert.ok(tookMs <= SLACK_MS, `took ${tookMs} ms`);
      assert.ok(standby.isWorking() !== third.isWorking());
    }));

  it("is released only when the work has ended", () =>
    withCandidates(async (world) => {
      const leader = world.start("a", { stopMs: 20_000 });
      await world.untilLeads(leader, SLACK_MS);
      const standby = world.start("b");
      await world.clock.advance(5_000);
      const stopping = leader.stop();
      assert.equal(standby.isWorking(), false);
      await stopping;
      assert.equal(standby.terms, 0, "the Lease was renewed while the work was ending");
      assert.ok((await world.untilLeads(standby, 2_000)) <= SLACK_MS);
    }));

  it("passes on within the lease time, and not before, where the leader is killed", () =>
    withLeader(async (world, leader) => {
      const renewals: number[] = [];
      world.simulated.onCommit((commit) => {
        if (commit.by === "a") renewals.push(commit.atMs);
      });
      await world.clock.advance(10_000);
      leader.kill();
      const killedAtMs = world.clock.elapsedMs();
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, leaseDurationMs + SLACK_MS));
      const tookMs = world.clock.elapsedMs() - killedAtMs;
      assert.ok(tookMs <= leaseDurationMs + SLACK_MS, `took ${tookMs} ms`);
      assert.ok(
        world.clock.elapsedMs() - (renewals.at(-1) ?? 0) >= leaseDurationMs,
        "earlier than the Lease allows",
      );
    }));

  it("is given up in time by a leader that can't reach the store; another acquires it", () =>
    withLeader(async (world, leader) => {
      const cutAtMs = world.clock.elapsedMs();
      leader.store.setReachable(false);
      assert.ok(await world.clock.runUntil(() => !leader.isWorking(), renewDeadlineMs + SLACK_MS));
      assert.equal(leader.election.isLeading(), false);
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, leaseDurationMs));
      assert.ok(world.clock.elapsedMs() - cutAtMs <= leaseDurationMs + SLACK_MS);
      leader.store.setReachable(true);
      await world.clock.advance(60_000);
      assert.equal(leader.isWorking(), false, "it stands by, without a restart");
      const [present] = world.candidates.filter((candidate) => candidate.isWorking());
      await present?.stop();
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, 2_000));
    }));

  it("is reacquired without a wait by its last holder after an outage for all", () =>
    withLeader(async (world, leader, ...others) => {
      for (const candidate of world.candidates) candidate.store.setReachable(false);
      await world.clock.advance(renewDeadlineMs + SLACK_MS);
      assert.deepEqual(world.leaders(), []);
      for (const candidate of world.candidates) candidate.store.setReachable(true);
      assert.ok((await world.untilLeads(leader, RENEWAL_MAX_MS + SLACK_MS)) > 0);
      assert.deepEqual(
        others.map((candidate) => candidate.terms),
        [0, 0],
      );
    }));

  it("is over at once for a frozen leader that resumes after another's takeover", () =>
    withLeader(async (world, leader) => {
      leader.pause();
      await world.clock.advance(leaseDurationMs + SLACK_MS);
      assert.equal(world.leaders().length, 2, "a frozen process learns nothing");
      assert.equal(leader.election.isLeading(), false, "but its own clock shows it before it does anything");
      leader.resume();
      await world.clock.settle();
      assert.equal(leader.isWorking(), false);
      assert.equal(world.leaders().length, 1);
      await world.clock.advance(60_000);
      assert.equal(world.leaders().length, 1);
    }));

  it("ends the work of a resumed leader at its first question, before its timers", () =>
    withLeader(async (world, leader) => {
      leader.pause();
      await world.clock.advance(renewDeadlineMs + SLACK_MS);
      assert.equal(leader.isWorking(), true, "its timer does not fire");
      assert.equal(leader.election.isLeading(), false);
      await world.clock.settle();
      assert.equal(leader.isWorking(), false);
      const because = `the Lease was not renewed for ${renewDeadlineMs} ms`;
      assert.equal(leader.events.at(-1), `Lease LeaderElection: a stopped leading: ${because}`);
      const { length } = leader.events;
      leader.resume();
      await world.clock.settle();
      assert.equal(leader.events.length, length, "its timer ends nothing twice");
      await world.clock.advance(60_000);
      assert.equal(world.leaders().length, 1);
    }));

  it("is kept by a leader that was frozen for less than the deadline", () =>
    withLeader(async (world, leader) => {
      leader.pause();
      await world.clock.advance(renewDeadlineMs - RENEWAL_MAX_MS);
      leader.resume();
      await world.clock.advance(60_000);
      assert.deepEqual(world.leaders(), ["a"]);
      assert.equal(leader.terms, 1);
    }));

  it("is not moved by jumps of the wall clock", () =>
    withLeader(async (world, leader) => {
      for (const jumpMs of [3_600_000, -7_200_000, 86_400_000]) {
        world.clock.jumpWallClock(jumpMs);
        await world.clock.advance(40_000);
        assert.deepEqual(world.leaders(), ["a"]);
      }
      assert.equal(leader.terms, 1);
    }));

  it("is not moved by broken or stalled watches", () =>
    withLeader(async (world, leader, standby) => {
      standby.store.holdWatches(true);
      leader.store.holdWatches(true);
      await world.clock.advance(60_000);
      leader.store.breakWatches();
      world.simulated.forgetHistory();
      await world.clock.advance(60_000);
      assert.deepEqual(world.leaders(), ["a"]);
      await leader.stop();
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, SLACK_MS));
    }));

  it("is waited for without reads while the watch reports renewals", () =>
    withLeader(async (world, _leader, ...others) => {
      const before = others.map((candidate) => candidate.looks);
      await world.clock.advance(600_000);
      assert.deepEqual(
        others.map((candidate) => candidate.looks),
        before,
      );
    }));

  it("is not trusted after a restored backup by processes that only saw renewals since", () =>
    withLeader(async (world, leader) => {
      const backup = world.simulated.snapshot();
      await world.clock.advance(60_000);
      const { counter } = annotations(world.lease());
      leader.kill();
      world.simulated.restore(backup);
      assert.ok(
        await world.clock.runUntil(() => annotations(world.lease()).sweep === 1, RENEWAL_MAX_MS + SLACK_MS),
      );
      assert.ok(
        await world.clock.runUntil(
          () => world.leaders().length === 1 && annotations(world.lease()).counter > counter,
          leaseDurationMs + SLACK_MS,
        ),
      );
    }));

  it("passes on without a watch at the next read", () =>
    withCandidates(async (world) => {
      const leader = world.start("a");
      await world.untilLeads(leader, SLACK_MS);
      const standby = world.start("b");
      await world.clock.advance(10_000);
      standby.store.holdWatches(true);
      await leader.stop();
      assert.ok((await world.untilLeads(standby, RENEWAL_MAX_MS + SLACK_MS)) <= RENEWAL_MAX_MS + SLACK_MS);
    }));

  it("stays where it is if the Lease is deleted: it is recreated, and records rebuilt", () =>
    withLeader(async (world, _leader, ...others) => {
      await givenRecord(world, 3);
      const before = annotations(world.lease());
      await must(byHand(world).delete("Lease", CONTROLLER_LEASE, {}, signal));
      await world.clock.advance(SLACK_MS);
      assert.deepEqual(world.leaders(), ["a"]);
      const after = annotations(world.lease());
      assert.deepEqual(
        { ...after, counter: after.counter > before.counter },
        { counter: true, generation: 3, sweep: 4 },
      );
      await world.clock.advance(60_000);
      assert.deepEqual(
        others.map((candidate) => candidate.terms),
        [0, 0],
      );
    }));

  it("is not acquired at start if the Lease is missing but records exist", () =>
    withCandidates(async (world) => {
      await givenRecord(world, 0);
      const candidate = world.start("a");
      await world.clock.advance(leaseDurationMs - SLACK_MS);
      assert.deepEqual(world.leaders(), []);
      await world.untilLeads(candidate, 2 * SLACK_MS);
      assert.deepEqual(annotations(world.lease()), { counter: 1, generation: 0, sweep: 1 });
    }));

  it("is given up if a backup restores another's Lease; every record is rebuilt", () =>
    withLeader(async (world, leader, standby, third) => {
      const backup = world.simulated.snapshot();
      await leader.stop();
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, SLACK_MS));
      await world.clock.advance(60_000);
      const present = standby.isWorking() ? standby : third;
      const counterBefore = annotations(world.lease()).counter;
      world.simulated.restore(backup);
      assert.equal(world.lease()?.spec.holderIdentity, "a");
      assert.ok(await world.clock.runUntil(() => !present.isWorking(), RENEWAL_MAX_MS + SLACK_MS));
      // The first process that sees the rollback reports it, although none leads.
      assert.ok(
        await world.clock.runUntil(() => annotations(world.lease()).sweep === 1, RENEWAL_MAX_MS + SLACK_MS),
      );
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, leaseDurationMs + SLACK_MS));
      assert.ok(
        annotations(world.lease()).counter > counterBefore,
        "no process takes the next renewal for an older store",
      );
    }));

  it("is kept if a backup restores the leader's own Lease; every record is rebuilt", () =>
    withLeader(async (world, leader) => {
      const backup = world.simulated.snapshot();
      await world.clock.advance(60_000);
      world.simulated.restore(backup);
      await world.clock.advance(RENEWAL_MAX_MS + SLACK_MS);
      assert.deepEqual(world.leaders(), ["a"]);
      assert.deepEqual(
        { ...annotations(world.lease()), counter: 0 },
        { counter: 0, generation: 0, sweep: 1 },
      );
      assert.equal(leader.terms, 1);
    }));

  it("is not acquired at once if a backup restores a released Lease", () =>
    withLeader(async (world, leader, ...others) => {
      await leader.stop();
      const backup = world.simulated.snapshot();
      assert.equal(world.lease()?.spec.holderIdentity, "");
      assert.ok(await world.clock.runUntil(() => world.leaders().length === 1, SLACK_MS));
      await world.clock.advance(60_000);
      world.simulated.restore(backup);
      await world.clock.advance(60_000);
      assert.equal(world.leaders().length, 1);
      assert.equal(
        others.reduce((terms, candidate) => terms + candidate.terms, 0),
        2,
      );
    }));

  it("is acquired at once by the only process of the store, whatever its holder", () =>
    withCandidates(async (world) => {
      const killed = world.start("a");
      await world.untilLeads(killed, SLACK_MS);
      killed.kill();
      const next = world.start("b", { isAlone: true });
      await world.untilLeads(next, SLACK_MS);
    }));

  it("is lost to a silent API server with that reason in the log", () =>
    withLeader(async (world, leader) => {
      leader.store.setWeather({ callDelayMs: [HOUR_MS, HOUR_MS] });
      await world.clock.advance(renewDeadlineMs + SLACK_MS);
      const failure = { kind: "StoreUnavailable", detail: `no answer within ${renewDeadlineMs / 2} ms` };
      const lost = { because: `the Lease was not renewed for ${renewDeadlineMs} ms` };
      assert.deepEqual(leader.logged.slice(1, 3), [
        `warn the controllers' Lease was not renewed ${JSON.stringify({ failure })}`,
        `warn no longer leading ${JSON.stringify(lost)}`,
      ]);
    }));

  it("is reported by the processes that it concerns", () =>
    withCandidates(async (world) => {
      const leader = world.start("a");
      await world.untilLeads(leader, SLACK_MS);
      await leader.stop();
      assert.deepEqual(leader.events, [
        "Lease LeaderElection: a leads: there was none",
        "Lease LeaderElection: a stopped leading: it is stopping",
      ]);
      assert.equal(leader.logged.at(-2), 'info no longer leading {"because":"it is stopping"}');
    }));
});
