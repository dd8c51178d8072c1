  Scenario: Visitor NUMBER begins a booking without signing in
    When the visitor looks at the sessions
    And the visitor begins a booking
    And the visitor reads it
    Then the booking is stored as anonymous and pending
    And its transitions are stored
    And no delivery is stored
