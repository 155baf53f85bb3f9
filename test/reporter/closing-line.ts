import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/**
 * Closes a run with the line `N passed, N failed`. Whatever did not run to its good end counts as failed: a test that
 * failed, was skipped or never got to run, a suite or file that broke outside its tests, an error that no test caught.
 * The exit code follows the line.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    let passed = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++
        else failed++
      }
    }
    if (failed > 0 || passed === 0) process.exitCode = 1
    process.stdout.write(`${passed} passed, ${failed} failed\n`)
  }
}
