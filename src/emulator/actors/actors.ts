import type { ArmAnswer, ArmRequest } from "../model/api/arm-message.ts";
import { createSeededRandom } from "../model/pace/random.ts";
import { createActorClient } from "./actor-client.ts";
import type { ActorSetUp, Script } from "./actor.ts";
import { aksUpgrade } from "./aks-upgrade.ts";
import { portalUser } from "./portal-user.ts";
import { terraformDrift } from "./terraform-drift.ts";
import { v1Writer } from "./v1-writer.ts";

/** The actors of a scenario on the clock of their caller. They see Azure through its API only. */
export interface Actors {
  /** When the next of them acts; undefined if none ever does. */
  nextActMs(): number | undefined;
  /** Lets those act that are due by then. */
  advanceTo(nowMs: number): void;
}

/** What actors need of the Azure in which they act. */
export interface ActorsOptions {
  readonly handle: (request: ArmRequest) => ArmAnswer;
  /** Azure's seconds in this clock's, asked at each wait. */
  readonly timeScale: () => number;
  readonly startedAtMs: number;
  readonly seed: number;
}

/** The shortest time between two acts of an actor, in milliseconds: also where operations take no time. */
const WAIT_MIN_MS = 10;
/** Apart from each other and from the seed of Azure. */
const SEED_STRIDE = 7919;

interface Acting {
  readonly script: Script;
  dueAtMs: number;
}

/** Begins the scripts of actors. The same seed makes them decide the same about what they see. */
export function createActors(setUps: readonly ActorSetUp[], options: ActorsOptions): Actors {
  let nowMs = options.startedAtMs;
  const acting: Acting[] = setUps.map((setUp, index) => ({
    script: scriptOf(setUp, { index, options, nowMs: () => nowMs }),
    dueAtMs: nowMs,
  }));
  const act = (actor: Acting): void => {
    const step = actor.script.next();
    const waitMs = step.done === true ? Infinity : Math.max(WAIT_MIN_MS, step.value * options.timeScale());
    actor.dueAtMs = nowMs + waitMs;
  };
  const nextActMs = (): number | undefined => {
    const dueMs = Math.min(...acting.map(({ dueAtMs }) => dueAtMs));
    return Number.isFinite(dueMs) ? dueMs : undefined;
  };
  return {
    nextActMs,
    advanceTo: (toMs) => {
      nowMs = Math.max(nowMs, toMs);
      for (const actor of acting) if (actor.dueAtMs <= nowMs) act(actor);
    },
  };
}

function scriptOf(
  setUp: ActorSetUp,
  run: { readonly index: number; readonly options: ActorsOptions; readonly nowMs: () => number },
): Script {
  const { subscriptionId, resourceGroup } = setUp;
  const compute = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute`;
  const name = `actor-${run.index}-${setUp.kind}`;
  const azure = createActorClient(run.options.handle, { name, compute });
  const random = createSeededRandom(run.options.seed + (run.index + 1) * SEED_STRIDE);
  switch (setUp.kind) {
    case "V1Writer":
      // A wait of its cache is Azure's time too.
      return v1Writer(azure, random, setUp, () => run.nowMs() / (run.options.timeScale() || 1));
    case "PortalUser":
      return portalUser(azure, random, setUp);
    case "TerraformDrift":
      return terraformDrift(azure, random, setUp);
    case "AksUpgrade":
      return aksUpgrade(azure, setUp);
  }
}
