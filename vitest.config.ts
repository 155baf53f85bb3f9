import { defineConfig } from 'vitest/config'

/** Each file has hosts of its own. They wait for libvirt and guests most of the time: two at once on two cores. */
const real = {
  maxWorkers: 2,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 20_000, interval: 50 } },
}

export default defineConfig({
  test: {
    // A forgotten `.only` would leave out the rest in silence.
    allowOnly: false,
    reporters: ['default', './test/reporter/closing-line.ts'],
    // groupOrder: one project after the other.
    projects: [
      {
        // Some of them start the command as a process, several at a time.
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'libvirt',
          include: ['test/libvirt/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          ...real,
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], sequence: { groupOrder: 3 }, ...real } },
      {
        test: {
          name: 'cluster',
          include: ['test/kubernetes/**/*.test.ts'],
          sequence: { groupOrder: 4 },
          ...real,
        },
      },
    ],
  },
})
