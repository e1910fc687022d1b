import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import type { ElectionSettings } from "../../core/election/plan-candidacy.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import { type HeldLease, holdLease, leftMs, overdue } from "./hold-lease.ts";
import { type Candidate, LeaseAccess, type LeasePorts } from "./lease-access.ts";
import { releaseLease } from "./release-lease.ts";
import { seekLease, type AcquiredLease } from "./seek-lease.ts";

export interface ElectionPorts extends LeasePorts {
  /** By how much nodes may send their heartbeats later now, in milliseconds: the holder announces it. */
  readonly heartbeatDelayMs: () => number;
  readonly random: Random;
  readonly events: Events;
  readonly logger: Logger;
}

/** A candidate. */
export interface ElectionOptions {
  /** Distinguishes this process from every other one ever, such as its host's name and a UUID. */
  readonly identity: string;
  readonly settings: ElectionSettings;
  /** No other process reaches the store: an earlier holder is dead, and the Lease is acquired at once. */
  readonly isAlone: boolean;
  /** Called when this process begins to lead, and when it stops. */
  readonly onChange: (isLeading: boolean) => void;
}

/** A term as the leader. */
interface Term {
  readonly lease: HeldLease;
  /** Ends it, unless it has ended. */
  readonly lose: (because: string) => void;
}

/** One candidate in the election of a leader among controllers. */
export interface Election {
  /**
   * Whether this process leads, by its own clock: false as soon as its time is over. A process that was
   * paused finds many answers to its calls before its timers: whichever asks first ends the term, and the
   * work with it.
   */
  isLeading(): boolean;
  /**
   * Until `signal` is aborted: waits for the Lease, runs `work` while it is held, aborts the work's
   * signal when it is lost, and waits for it again. In the end it waits for the work and releases the
   * Lease, so that a successor need not wait. Rejects with what `work` rejects with.
   */
  run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/**
 * Leader election by a Lease, by the rules of client-go. A candidate that has seen the Lease unchanged
 * for its duration, on its own clock, may acquire it; a holder that could not renew it stops well before.
 * The writer protocol's safety does not depend on this (the records ensure it); it only keeps controllers
 * from working against each other.
 */
export function createElection(ports: ElectionPorts, options: ElectionOptions): Election {
  const { identity, settings, isAlone, onChange } = options;
  const { clock, random, events, leaseHighWaterMark, heartbeatDelayMs } = ports;
  const logger = ports.logger.child({ identity });
  const candidate: Candidate = {
    access: new LeaseAccess(ports, { identity, settings, heartbeatDelayMs }),
    leaseHighWaterMark,
    clock,
    random,
    logger,
    identity,
    settings,
    isAlone,
  };
  let term: Term | undefined;

  function began(acquired: AcquiredLease): void {
    onChange(true);
    logger.info("leading", {
      because: acquired.because,
      leaseTransitions: acquired.lease.spec.leaseTransitions,
    });
    emitElection(`${identity} leads: ${acquired.because}`);
  }

  /** `level`: info where it was asked to. */
  function stopped(because: string, level: "info" | "warn" = "warn"): void {
    onChange(false);
    logger[level]("no longer leading", { because });
    emitElection(`${identity} stopped leading: ${because}`);
  }

  function emitElection(message: string): void {
    events.emit({ about: { kind: "Lease", name: CONTROLLER_LEASE }, reason: "LeaderElection", message });
  }

  /** Works while the Lease is held. */
  async function lead(
    acquired: AcquiredLease,
    work: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const holding: HeldLease = { renewedAtMs: acquired.startedAtMs };
    const lost = new AbortController();
    // The Lease is renewed until the work has ended, however long that takes after the abort.
    const over = new AbortController();
    const lose = (because: string): void => {
      if (term?.lease !== holding) return;
      term = undefined;
      over.abort();
      lost.abort(new Error(because));
      stopped(because);
    };
    term = { lease: holding, lose };
    began(acquired);
    const renewing = holdLease(candidate, holding, lose, over.signal);
    const leading = AbortSignal.any([signal, lost.signal]);
    try {
      await work(leading);
    } catch (error) {
      if (!leading.aborted) throw error;
    } finally {
      over.abort();
      await renewing;
      if (term !== undefined) {
        term = undefined;
        if (signal.aborted) stopped("it is stopping", "info");
        else stopped("its work has ended");
        await releaseLease(candidate);
      }
    }
  }

  return {
    isLeading: () => {
      if (term !== undefined && leftMs(candidate, term.lease) <= 0) term.lose(overdue(settings));
      return term !== undefined;
    },
    run: async (work, signal) => {
      try {
        await ports.cache.untilSynced(signal);
        for (;;) {
          const acquired = await seekLease(candidate, signal);
          await lead(acquired, work, signal);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}
