"""Who may see and do what: departments, projects, people, access rules, and the one gate over them."""
