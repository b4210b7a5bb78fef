// Steps of a walk, each of which stands on the one before: after a failure the rest is not tried.

import { test as step } from "node:test";

let broken = false;

export function test(name, work) {
  step(name, async (t) => {
    if (broken) return t.skip("an earlier step failed");
    try {
      return await work();
    } catch (error) {
      broken = true;
      throw error;
    }
  });
}
