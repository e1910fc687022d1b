import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lease } from "../api/lease.ts";
import { rollbackMark, withAnnotations } from "../rollback/rebuild-mark.ts";
import { aLease } from "../testing/a-lease.ts";
import { renewedLease } from "./lease-steps.ts";
import {
  type CandidateAction,
  defaultElectionSettings,
  type ElectionSettings,
  electionProblem,
  holdOf,
  isRenewal,
  LEASE_DURATION_MAX_MS,
  lookPeriodMs,
  ELECTION_JITTER_SHARE,
  type ObservedLease,
  planCandidacy,
} from "./plan-candidacy.ts";

function observed(overrides: Partial<ObservedLease>): ObservedLease {
  return {
    identity: "b",
    lease: aLease({}),
    unchangedMs: 0,
    remembered: { incarnation: 0, counter: 0 },
    hasRecords: true,
    isAlone: false,
    settings: defaultElectionSettings,
    ...overrides,
  };
}

const knowsMore = { incarnation: 0, counter: 900 };
const released = aLease({ spec: { holderIdentity: "", leaseDurationSeconds: 1 } });

const rows: readonly {
  readonly because: string;
  readonly seen: Partial<ObservedLease>;
  readonly action: CandidateAction;
}[] = [
  { because: "it is held", seen: { unchangedMs: 4_000 }, action: { kind: "Wait", ms: 11_000 } },
  {
    because: "its holder is silent for its time",
    seen: { unchangedMs: 15_000 },
    action: { kind: "Acquire", because: "a has not renewed it" },
  },
  {
    because: "its holder asked for more time than this process would",
    seen: { lease: aLease({ spec: { leaseDurationSeconds: 60 } }), unchangedMs: 15_000 },
    action: { kind: "Wait", ms: 45_000 },
  },
  {
    because: "it asks for a time without end",
    seen: { lease: aLease({ spec: { leaseDurationSeconds: 9_999_999 } }) },
    action: { kind: "Wait", ms: LEASE_DURATION_MAX_MS },
  },
  {
    because: "it was released",
    seen: { lease: released },
    action: { kind: "Acquire", because: "it was released" },
  },
  {
    because: "this process itself held it last",
    seen: { identity: "a", remembered: { incarnation: 0, counter: 1 } },
    action: { kind: "Acquire", because: "no other process has held it since" },
  },
  {
    because: "it is older than what is remembered",
    seen: { remembered: knowsMore },
    action: { kind: "Mark" },
  },
  {
    because: "that has been said already",
    seen: { lease: aLease({ mark: 1 }), remembered: knowsMore, unchangedMs: 5_000 },
    action: { kind: "Wait", ms: 10_000 },
  },
  {
    because: "a backup shows this process as its holder",
    seen: { identity: "a", lease: aLease({ mark: 1 }), remembered: knowsMore },
    action: { kind: "Wait", ms: 15_000 },
  },
  {
    because: "a backup shows it released",
    seen: {
      lease: aLease({ mark: 1, spec: { holderIdentity: "", leaseDurationSeconds: 1 } }),
      remembered: knowsMore,
    },
    action: { kind: "Wait", ms: 15_000 },
  },
  {
    because: "there never was one",
    seen: { lease: undefined, hasRecords: false },
    action: { kind: "Create" },
  },
  {
    because: "it is gone, and records show that a controller led",
    seen: { lease: undefined },
    action: { kind: "Wait", ms: 15_000 },
  },
  {
    because: "it is gone, and was seen before",
    seen: { lease: undefined, hasRecords: false, remembered: knowsMore },
    action: { kind: "Wait", ms: 15_000 },
  },
  {
    because: "it is gone, and is not recreated",
    seen: { lease: undefined, unchangedMs: 15_000 },
    action: { kind: "Create" },
  },
  {
    because: "it is gone, and there is no other candidate",
    seen: { lease: undefined, isAlone: true },
    action: { kind: "Create" },
  },
  {
    because: "there is no other candidate",
    seen: { isAlone: true },
    action: { kind: "Acquire", because: "the store is this process' alone" },
  },
];

describe("planCandidacy", () => {
  for (const { because, seen, action } of rows) {
    it(`${action.kind.toLowerCase()}s where ${because}`, () =>
      assert.deepEqual(planCandidacy(observed(seen)), action));
  }
});

describe("holdOf", () => {
  it("changes with each renewal, and not with another process's mark", () => {
    const lease = aLease({});
    const writer = {
      identity: "a",
      leaseDurationMs: 15_000,
      nowMs: 0,
      remembered: knowsMore,
      etagWrite: "empty",
      heartbeatDelayMs: 0,
    } as const;
    assert.notEqual(holdOf(renewedLease(lease, writer)), holdOf(lease));
    assert.equal(holdOf(withAnnotations(lease, rollbackMark(lease, knowsMore))), holdOf(lease));
    assert.notEqual(holdOf({ ...lease, metadata: { ...lease.metadata, uid: "uid-2" } }), holdOf(lease));
    assert.notEqual(holdOf(undefined), holdOf(lease));
  });
});

describe("isRenewal", () => {
  const lease = aLease({});
  const remembered = { incarnation: 0, counter: 1 };
  const renewed = renewedLease(lease, {
    identity: "a",
    leaseDurationMs: 15_000,
    nowMs: 0,
    remembered,
    etagWrite: "empty",
    heartbeatDelayMs: 0,
  });
  const told: readonly {
    readonly because: string;
    readonly lease: Lease;
    readonly of?: Lease | undefined;
    readonly is: boolean;
  }[] = [
    { because: "its holder has renewed it", lease: renewed, of: lease, is: true },
    {
      because: "another holds it by now",
      lease: { ...renewed, spec: { ...renewed.spec, holderIdentity: "c" } },
      of: lease,
      is: false,
    },
    {
      because: "it was released",
      lease: { ...renewed, spec: { ...renewed.spec, holderIdentity: "" } },
      of: lease,
      is: false,
    },
    {
      because: "it was recreated",
      lease: { ...renewed, metadata: { ...renewed.metadata, uid: "uid-2" } },
      of: lease,
      is: false,
    },
    { because: "there was none", lease: renewed, of: undefined, is: false },
    { because: "it is older than what is remembered", lease, of: renewed, is: false },
  ];
  for (const { because, lease: heard, of, is } of told) {
    it(`${is ? "holds" : "does not hold"} where ${because}`, () =>
      assert.equal(
        isRenewal(heard, { lease: of, remembered: heard === lease ? knowsMore : remembered }),
        is,
      ));
  }
});

describe("lookPeriodMs", () => {
  it("is no shorter than any time between two renewals", () => {
    const longestMs = defaultElectionSettings.retryPeriodMs * (1 + ELECTION_JITTER_SHARE);
    assert.deepEqual(
      [0, 0.5].map((chance) => lookPeriodMs(defaultElectionSettings, chance)),
      [longestMs, longestMs + 200],
    );
  });
});

describe("electionProblem", () => {
  const settings: readonly {
    readonly changed: Partial<ElectionSettings>;
    readonly problem: RegExp | undefined;
  }[] = [
    { changed: {}, problem: undefined },
    {
      changed: { renewDeadlineMs: 15_000 },
      problem: /^--lease-renew-deadline-ms: got 15000; expected less than --lease-duration-ms \(15000\)/u,
    },
    {
      changed: { retryPeriodMs: 9_000 },
      problem:
        /^--lease-retry-period-ms: got 9000; expected 1\.2 times as much below --lease-renew-deadline-ms \(10000\)/u,
    },
  ];
  for (const { changed, problem } of settings) {
    it(`${problem === undefined ? "accepts" : "refuses"} ${JSON.stringify(changed)}`, () => {
      const found = electionProblem({ ...defaultElectionSettings, ...changed });
      if (problem === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", problem);
    });
  }
});

describe("the limits of an election", () => {
  it("respects a Lease for ten minutes at most", () => {
    assert.equal(LEASE_DURATION_MAX_MS, 600_000);
  });

  it("refuses a renew deadline as long as the time between two renewals may be", () => {
    const retryPeriodMs = 1_000;
    const longestMs = retryPeriodMs * (1 + ELECTION_JITTER_SHARE);
    const problemAt = (renewDeadlineMs: number): string | undefined =>
      electionProblem({ ...defaultElectionSettings, retryPeriodMs, renewDeadlineMs });
    assert.match(problemAt(longestMs) ?? "", /1\.2 times as much/u);
    assert.equal(problemAt(longestMs + 1), undefined);
  });

  it("waits for the remaining time, to the last millisecond", () => {
    const wait = (seen: Partial<ObservedLease>): CandidateAction => planCandidacy(observed(seen));
    assert.deepEqual(wait({ lease: undefined, unchangedMs: 4_000 }), { kind: "Wait", ms: 11_000 });
    assert.deepEqual(wait({ unchangedMs: 14_999 }), { kind: "Wait", ms: 1 });
  });

  it("does not treat a released Lease as a renewal", () => {
    const seen = observed({ lease: released });
    assert.equal(isRenewal(released, seen), false);
  });
});
