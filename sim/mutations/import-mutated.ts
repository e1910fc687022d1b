import { loadMutated } from "./load-mutated.ts";

/** For `node --import`: the mutation is named by SIM_MUTATION. */
const name = process.env["SIM_MUTATION"];
if (name === undefined) throw new Error("set SIM_MUTATION to the name of a mutation");
loadMutated(name);
