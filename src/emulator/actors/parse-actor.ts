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
import type { ActorSetUp } from "./actor.ts";

const DAY_S = 86_400;
const PLACE = { subscriptionId: text, resourceGroup: text };
const VMS = { ...PLACE, virtualMachines: listOf(text).exactOptional(), scaleSet: text.exactOptional() };

const actor = oneOfKinds([
  members({
    kind: z.literal("V1Writer"),
    ...VMS,
    everyS: number(1, DAY_S).default(30),
    disks: whole(1, 16).default(1),
    staleS: number(0, DAY_S).default(0),
  }),
  members({ kind: z.literal("PortalUser"), ...VMS, everyS: number(1, DAY_S).default(120) }),
  members({ kind: z.literal("TerraformDrift"), ...VMS, everyS: number(1, DAY_S).default(600) }),
  members({
    kind: z.literal("AksUpgrade"),
    ...PLACE,
    scaleSet: text,
    afterS: number(0, DAY_S).default(60),
    surge: whole(0, 100).default(1),
    drainS: number(0, DAY_S).default(30),
  }),
]);

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
