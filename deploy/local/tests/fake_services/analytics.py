from fake import main

main("analytics")
