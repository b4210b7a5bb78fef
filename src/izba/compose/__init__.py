"""Compose: a compiler from files to a `Project`, and a planner from a project to operations of the engine.

load/       files → Project, in numbered phases on a plain tree
order       who waits for whom; profiles and selection
observe     one look at what the engine has of a project
reconcile   project, what was observed, options → Plan (pure)
execute     the plan's operations, in parallel where its dependencies allow
verbs/      what the commands do
"""
