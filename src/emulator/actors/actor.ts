import * as z from "zod";
import type { Json } from "../model/api/json.ts";
import {
  type Input,
  listOf,
  members,
  number,
  oneOfKinds,
  readInput,
  text,
  whole,
  wrong,
} from "../model/input.ts";

/** What an actor does: each yielded number is a wait, in milliseconds of Azure's time. */
export type Script = Generator<number, void, void>;

const DAY_S = 86_400;
const PLACE = { subscriptionId: text, resourceGroup: text };
/** VMs of their own by name, or the instances that a uniform scale set has. */
const VMS = { ...PLACE, virtualMachines: listOf(text).exactOptional(), scaleSet: text.exactOptional() };
/** The mean time between two changes, in seconds. */
const EVERY_S = number(1, DAY_S);

const actor = oneOfKinds([
  /**
   * Attaches and detaches disks of its own, by reading a VM and sending the list back changed, without
   * `If-Match`.
   */
  members({
    kind: z.literal("V1Writer"),
    ...VMS,
    everyS: EVERY_S.default(30),
    /** Its disks. */
    disks: whole(1, 16).default(1),
    /** How old a list may be that it sends back, in seconds. 0: it reads before each write. */
    staleS: number(0, DAY_S).default(0),
  }),
  /** Sends back whole VMs that it has read: with a new disk, without its disk, with another tag. */
  members({ kind: z.literal("PortalUser"), ...VMS, everyS: EVERY_S.default(120) }),
  /** Restores the VMs' data disks to those that they had at its start. */
  members({ kind: z.literal("TerraformDrift"), ...VMS, everyS: EVERY_S.default(600) }),
  /**
   * Adds surge instances, reimages the others with the present model one after the other, and removes the
   * surge.
   */
  members({
    kind: z.literal("AksUpgrade"),
    ...PLACE,
    scaleSet: text,
    /** The time until the upgrade, in seconds. */
    afterS: number(0, DAY_S).default(60),
    /** Instances that it adds for as long as it takes. */
    surge: whole(0, 100).default(1),
    /** The time for which it drains each instance, in seconds. */
    drainS: number(0, DAY_S).default(30),
  }),
]);

/** A client of a scenario, which acts by itself. */
export type ActorSetUp = Readonly<z.infer<typeof actor>>;

/** The set-up of actors of one kind. */
export type SetUpOf<Kind extends ActorSetUp["kind"]> = Extract<ActorSetUp, { readonly kind: Kind }>;

/** The VMs that an actor changes. */
export type ActorVms = Pick<SetUpOf<"PortalUser">, "virtualMachines" | "scaleSet">;

/** Reads an actor: `{kind: "V1Writer", virtualMachines: ["vm-0"], everyS: 30}`. */
export function parseActor(
  json: Json | undefined,
  defaults: { readonly subscriptionId: string; readonly resourceGroup?: string },
): Input<ActorSetUp> {
  const read = readInput("an actor", actor, json, defaults);
  if (!read.ok || read.value.kind === "AksUpgrade") return read;
  const { virtualMachines = [], ...others } = read.value;
  if ((others.scaleSet === undefined) === (virtualMachines.length === 0))
    return wrong(`actor ${others.kind} needs either 'virtualMachines', a list of names, or 'scaleSet'`);
  // Beside a scale set an empty list would be the actor's VMs: none.
  return others.scaleSet === undefined ? read : { ok: true, value: others };
}
